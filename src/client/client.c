#include "client/internal.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keeps what arrives, up to the limit; a short count makes libcurl break the transfer off. */
static size_t keep(char *p, size_t size, size_t n, void *user)
{
    pf_client *c = user;
    size_t bytes = size * n; /* libcurl: size is always 1 */
    pf_buf_put(&c->answer, p, bytes);
    return c->answer.failed ? 0 : bytes;
}

static pf_code set_options(pf_client *c, const pf_client_config *conf, pf_error *err)
{
    c->post_headers = curl_slist_append(NULL, "Content-Type: application/octet-stream");
    /* Without this, libcurl waits for "100 Continue" before it sends a large body. */
    struct curl_slist *more =
        c->post_headers ? curl_slist_append(c->post_headers, "Expect:") : NULL;
    if (!more)
        return pf_fail_nomem(err, "client");
    c->post_headers = more;
    long timeout = (long)((conf->timeout + PF_NS_PER_MS - 1) / PF_NS_PER_MS);
    long connect = conf->connect_timeout ? (long)(conf->connect_timeout / PF_NS_PER_MS) : 10000;
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->why);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "profefe-client/0");
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, connect ? connect : 1L);
    static const long versions[] = {CURL_HTTP_VERSION_NONE, CURL_HTTP_VERSION_1_1,
                                    CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE};
    curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, versions[conf->http]);
    curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, conf->insecure ? 0L : 1L);
    curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, conf->insecure ? 0L : 2L);
    if (conf->token && (curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) != CURLE_OK ||
                        curl_easy_setopt(c->curl, CURLOPT_XOAUTH2_BEARER, conf->token) != CURLE_OK))
        return pf_fail(err, PF_INTERNAL, "libcurl can't send a bearer token");
    /* Room for a request as large as a profile in one piece, and few calls of keep(). */
    curl_easy_setopt(c->curl, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(c->curl, CURLOPT_UPLOAD_BUFFERSIZE, 64L * 1024);
    return PF_OK;
}

pf_code pf_client_new(const pf_client_config *conf, pf_client **out, pf_error *err)
{
    pthread_once(&curl_once, curl_start);
    pf_str url = pf_str_c(conf->url);
    if (!pf_str_has_prefix(url, PF_STR("http://")) && !pf_str_has_prefix(url, PF_STR("https://")))
        return pf_fail(err, PF_INVALID, "\"%.*s\" is not an http:// or https:// URL", PF_FMT(url));
    pf_client *c = calloc(1, sizeof *c);
    if (!c)
        return pf_fail_nomem(err, "client");
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    c->base = strndup(url.p, url.n);
    c->max_answer = conf->max_answer ? conf->max_answer : (size_t)1 << 30;
    c->answer.max = c->max_answer;
    c->curl = curl_easy_init();
    pf_code code = c->base && c->curl ? set_options(c, conf, err) : pf_fail_nomem(err, "client");
    if (code) {
        pf_client_free(c);
        return code;
    }
    *out = c;
    return PF_OK;
}

void pf_client_free(pf_client *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->post_headers);
    pf_buf_free(&c->url);
    pf_buf_free(&c->answer);
    free(c->base);
    free(c);
}

const pf_client_call *pf_client_last(const pf_client *c)
{
    return &c->last;
}

static pf_code fail_transfer(pf_client *c, const char *what, CURLcode result, pf_error *err)
{
    const char *why = c->why[0] ? c->why : curl_easy_strerror(result);
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return pf_fail(err, PF_TIMEOUT, "%s at %s: %s", what, c->base, why);
    case CURLE_OUT_OF_MEMORY:
        return pf_fail_nomem(err, what);
    case CURLE_WRITE_ERROR:
        return pf_fail(err, PF_TOO_LARGE, "%s at %s: the answer is over %zu bytes", what, c->base,
                       c->max_answer);
    default:
        return pf_fail(err, PF_UNAVAILABLE, "%s at %s: %s", what, c->base, why);
    }
}

pf_code pf_client_call_do(pf_client *c, const char *what, const pf_str *post, pf_error *err)
{
    c->last = (pf_client_call){.sent = post ? post->n : 0};
    pf_buf_clear(&c->answer);
    pf_buf_putc(&c->url, '\0');
    if (c->url.failed)
        return pf_fail_nomem(err, what);
    c->why[0] = '\0';
    curl_easy_setopt(c->curl, CURLOPT_URL, c->url.data);
    if (post) {
        curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, post->n ? post->p : "");
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->n);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->post_headers);
    } else {
        curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    }
    int64_t begin = pf_clock_mono();
    CURLcode result = curl_easy_perform(c->curl);
    c->last.duration_ns = pf_clock_mono() - begin;
    c->last.received = c->answer.len;
    long status = 0, connects = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->curl, CURLINFO_NUM_CONNECTS, &connects);
    c->last.status = (int)status;
    c->last.connected = connects > 0;
    if (result != CURLE_OK)
        return fail_transfer(c, what, result, err);
    if (status == 200)
        return PF_OK;
    char reason[256];
    pf_answer_reason(pf_buf_str(&c->answer), reason, sizeof reason);
    return pf_fail(err, pf_code_of_status((int)status), "%s: the server answered %ld: %s", what,
                   status, reason);
}
