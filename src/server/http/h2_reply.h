/* h2_reply.h: an answer as nghttp2 wants it: header fields, and a data provider that reads the body as the client's
 * windows allow. On the loop's thread.
 */
#ifndef PF_SERVER_HTTP_H2_REPLY_H
#define PF_SERVER_HTTP_H2_REPLY_H

#include "server/http/request.h"

#include <nghttp2/nghttp2.h>

/* Submits the answer of a request in PF_STAGE_REPLY, which is the user data of its stream. req->waiting tells that
 * sending waits for the next piece (nghttp2_session_resume_data), req->complete that nghttp2 has all of it. */
bool pf_h2_submit(nghttp2_session *session, pf_req *req);

/* "100 Continue": the client may send the body. */
void pf_h2_submit_continue(nghttp2_session *session, int32_t stream);

#endif
