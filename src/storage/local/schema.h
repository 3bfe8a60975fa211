/* schema.h: the tables of a partition; docs/storage-format.md explains each column. */
#ifndef PF_STORAGE_LOCAL_SCHEMA_H
#define PF_STORAGE_LOCAL_SCHEMA_H

#include "storage/local/db.h"

#include <stdbool.h>

enum {
    PF_SCHEMA_APPLICATION_ID = 0x70667031, /* "pfp1" */
    PF_SCHEMA_VERSION = 1
};

/* Makes the tables where there are none, in one transaction, so that a file is either whole or
 * still to be made. First, and for a file that has them, checks application id and version: PF_INVALID when it is
 * another program's or of a newer version, which is left as it is. Switches the file to write-ahead logging. */
pf_code pf_schema_ensure(sqlite3 *db, const char *path, pf_error *err);

#endif
