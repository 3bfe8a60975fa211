/* profile_bytes.h: from a row of the profile table to a profile's bytes.
 */
#ifndef PF_STORAGE_LOCAL_PROFILE_BYTES_H
#define PF_STORAGE_LOCAL_PROFILE_BYTES_H

#include "storage/local/checksums.h"
#include "storage/local/store.h"
#include "storage/local/symbols/row.h"

/* The row that `st` stands on, whose columns are those of PF_STMT_ROW (more may follow); its bytes are borrowed from the
 * statement. False: its checksum or its kind is not what was written; *row holds what stands there. */
bool pf_record_read(sqlite3_stmt *st, pf_record *row);

/* The row that a PF_STMT_PROFILE or PF_STMT_ROW stands on; its bytes are borrowed from the statement.
 * PF_INTERNAL when its checksum does not hold: "profile … is damaged on disk". */
pf_code pf_record_take(pf_local *l, sqlite3_stmt *st, pf_record *row, pf_error *err);

/* The bytes of one profile: the pushed ones, or made anew from columns. */
pf_code pf_profile_bytes(pf_local *l, pf_conn *conn, const pf_record *row, const pf_op *op,
                         pf_blob *out, pf_error *err);

/* Called with the row of an id and the connection that it was found on, both valid during the call. */
typedef pf_code (*pf_located_fn)(void *ctx, pf_conn *conn, const pf_record *row, pf_error *err);

/* Finds the row of an id. PF_INVALID: not an id; PF_NOT_FOUND "nothing found". */
pf_code pf_local_locate(pf_local *l, pf_str id, const pf_op *op, pf_located_fn fn, void *ctx,
                        pf_error *err);

/* What of each table a row of columns refers to directly: one past the highest number, 0 for none. */
void pf_row_needs(const pf_row *row, uint32_t next[PF_TABLES]);

#endif
