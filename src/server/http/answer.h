/* answer.h: making an answer and asking what it says. The calls of the application (pf_req_reply_take and its like)
 * are in http.h; what is here is for the files that make, hold and send answers.
 */
#ifndef PF_SERVER_HTTP_ANSWER_H
#define PF_SERVER_HTTP_ANSWER_H

#include "server/http/request.h"

/* Makes it the answer that something failed; what was there of a body is dropped. */
void pf_answer_set_error(pf_req *req, int status, const pf_error *err);

/* Charges the budget with a body or piece of `cap` bytes; small ones are free (reply.h). */
pf_code pf_answer_charge(pf_req *req, size_t cap, pf_error *err);
bool pf_answer_claim(pf_req *req); /* false: replied before */
void pf_answer_free(pf_req *req);

/* True when there was no memory for one of its headers or trailers: without it the answer would be another. */
bool pf_answer_lacks(const pf_req *req);

/* The coding, one of those `offered`, that this answer may have: the client takes it, and the content type suits. */
pf_coding pf_answer_coding(const pf_req *req, unsigned offered);

/* Compresses a whole body where that helps, if it has at most `most` bytes; where it can't be done it stays. */
void pf_answer_encode(pf_req *req, size_t most);
bool pf_answer_set_coding(pf_req *req,
                          pf_coding c); /* its headers (NONE: Vary alone); false: out of memory */

/* Says of an answer that leaves as it is that others get it in a coding, where it could have had one: caches must not
 * give it to all. */
void pf_answer_set_varying(pf_req *req);

/* Whether an answer of this status and to this method has a body on the wire. */
bool pf_answer_has_body(const pf_req *req);

/* Calls put() with every header of the answer but the status and what frames the body on the wire. A stream has no
 * Content-Length. */
typedef void (*pf_put_header)(void *ctx, const char *name, pf_str value);
void pf_answer_each_header(const pf_req *req, const char *date, pf_put_header put, void *ctx);
void pf_answer_each_trailer(const pf_req *req, pf_put_header put, void *ctx);

#endif
