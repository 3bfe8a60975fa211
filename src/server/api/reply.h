/* reply.h: the envelope of the JSON answers (docs/api.md).
 *
 *     {"code":200,"body":…}         each with a newline behind
 *     {"code":400,"error":"…","kind":"invalid_request","param":"from","request_id":"…"}
 */
#ifndef PF_SERVER_API_REPLY_H
#define PF_SERVER_API_REPLY_H

#include "base/json.h"
#include "profile/meta.h"
#include "server/http/http.h"
#include "storage/storage.h"

#define PF_JSON "application/json"
#define PF_TEXT "text/plain; charset=utf-8"

/* Opens and closes the success envelope around what is appended between them. */
void pf_reply_open(pf_buf *b);
void pf_reply_close(pf_buf *b);

/* A profile as it is shown: {"id":…,"type":…,"service":…,"labels":[…],"created_at":…}; with `t`, if not NULL, also
 * "duration_nanos" and "totals". */
void pf_reply_put_meta(pf_json *j, const pf_meta *m, const pf_total *t);

/* A key with a time, RFC 3339 in UTC. */
void pf_reply_put_time(pf_json *j, const char *key, int64_t ns);

/* 200 with what `b` holds, taken over; 500 when it has failed. */
void pf_reply_json_take(pf_req *req, pf_buf *b);

void pf_reply_text_take(pf_req *req, pf_buf *b);

/* 200 with a profile's bytes, taken over, to be saved as `stem` with the ending of its kind. */
void pf_reply_blob_take(pf_req *req, pf_blob *blob, pf_str stem);

/* "attachment; filename=…": what of `stem` a file's name or a header should not have becomes '_', since ids of other
 * stores may hold anything. */
enum { PF_DISPOSITION_MAX = 160 };
void pf_reply_disposition(pf_str stem, pf_type type, char out[static PF_DISPOSITION_MAX]);

/* The body of an error: JSON under /api/, a line of text elsewhere. Returns its content type. */
const char *pf_reply_error_form(void *ctx, pf_req *req, int status, const pf_error *err,
                                pf_buf *out);

/* The same on a route that answers pprof: where `go tool pprof` asks, which sends no Accept header, in the form that
 * it prints. Where the answer would not have been pprof (`format`) it is JSON. */
const char *pf_reply_pprof_error_form(void *ctx, pf_req *req, int status, const pf_error *err,
                                      pf_buf *out);

#endif
