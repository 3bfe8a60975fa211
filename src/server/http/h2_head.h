/* h2_head.h: the header fields of an HTTP/2 request, one by one, as nghttp2 decodes and checks them. */
#ifndef PF_SERVER_HTTP_H2_HEAD_H
#define PF_SERVER_HTTP_H2_HEAD_H

#include "server/http/request.h"

/* Copies a field into the request; ":authority" becomes the header Host. False: it is refused. */
bool pf_h2_take_field(pf_req *req, const uint8_t *name, size_t nname, const uint8_t *value,
                      size_t nvalue, pf_refusal *no);

#endif
