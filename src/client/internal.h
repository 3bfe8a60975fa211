/* internal.h: what the files of this room share. See client.h for the room's use. */
#ifndef PF_CLIENT_INTERNAL_H
#define PF_CLIENT_INTERNAL_H

#include "client/client.h"

#include <curl/curl.h>
#include <jansson.h>

struct pf_client {
    CURL *curl;
    struct curl_slist *post_headers;
    char *base;    /* the URL without a trailing slash */
    pf_buf url;    /* of the call under way */
    pf_buf answer; /* its body */
    size_t max_answer;
    pf_client_call last;
    char why[CURL_ERROR_SIZE];
};

/* Does the call whose URL stands in c->url; `post` is its body, NULL for a GET. Any status but 200
 * is an error. `what` names the call in messages: "push". */
pf_code pf_client_call_do(pf_client *c, const char *what, const pf_str *post, pf_error *err);

/* The "body" of the JSON answer; the caller drops *root. */
pf_code pf_answer_body(pf_client *c, const char *what, json_t **root, json_t **body, pf_error *err);

/* One profile's description, copied into the arena. */
pf_code pf_answer_meta(json_t *object, const char *what, pf_arena *a, pf_meta *out, pf_error *err);

/* The server's "error" when the answer is a JSON failure, else the first line of what it said. */
void pf_answer_reason(pf_str answer, char *out, size_t n);

#endif
