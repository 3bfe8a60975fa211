/* schema.h: the tables of a partition; docs/storage-format.md explains each column. */
#ifndef PF_STORAGE_LOCAL_SCHEMA_H
#define PF_STORAGE_LOCAL_SCHEMA_H

#include "storage/local/db.h"

#include <stdbool.h>

enum {
    PF_SCHEMA_APPLICATION_ID = 0x70667031, /* "pfp1" */
    PF_SCHEMA_VERSION = 2
};

/* What a file is. */
typedef struct pf_schema {
    int version; /* 1 or 2 */
    bool
        writable; /* false: of version 1, or it has a feature that this server only knows how to leave alone */
} pf_schema;

/* Makes the tables where there are none, in one transaction, so that a file is either whole or
 * still to be made. First, and for a file that has them, checks application id, version and features, as ext4 does it:
 * an unknown incompatible one refuses the file, an unknown read_only one has it read only, an unknown compatible one is
 * ignored. PF_INVALID when it is another program's, of a newer version or has what is not known; it is left as it is.
 * Switches the file to write-ahead logging if it is writable; another one is left in the mode that it has. */
pf_code pf_schema_ensure(sqlite3 *db, const char *path, pf_schema *out, pf_error *err);

#endif
