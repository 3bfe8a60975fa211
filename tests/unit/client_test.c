/* The client against a server that says what it is told to say: what goes over the wire, and what
 * becomes of good and bad answers. The server is a thread on a socket of its own. */
#include "client/client.h"

#include "base/buf.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWERS = 4, REQUEST_MAX = 1 << 20 };

typedef struct answer {
    int status; /* 0: closes the connection instead */
    const char *body;
} answer;

/* Answers one request after another, on one connection or on as many as the client makes. */
typedef struct server {
    int fd;
    answer answers[ANSWERS];
    size_t nanswers;
    char url[64];
    const char *token;       /* that the client has; NULL: none */
    char *requests[ANSWERS]; /* head and body, NUL-terminated */
    size_t nconnections;
    pthread_t thread;
} server;

/* Reads one request: the head, then as many bytes as Content-Length says. */
static bool read_request(int fd, char *buf)
{
    size_t n = 0, want = 0;
    while (n < REQUEST_MAX - 1 && (!want || n < want)) {
        ssize_t got = recv(fd, buf + n, REQUEST_MAX - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        buf[n] = '\0';
        char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "content-length:");
        if (end && !want)
            want = (size_t)(end - buf) + 4 +
                   (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
    }
    return true;
}

static bool send_answer(int fd, const answer *a)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", a->status,
                     strlen(a->body), a->body);
    return a->status && send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *serve(void *arg)
{
    server *s = arg;
    int connection = -1;
    for (size_t i = 0; i < s->nanswers;) {
        if (connection < 0) {
            connection = accept(s->fd, NULL, NULL);
            s->nconnections++;
        }
        s->requests[i] = malloc(REQUEST_MAX);
        if (!read_request(connection, s->requests[i])) {
            free(s->requests[i]);
            s->requests[i] = NULL;
            close(connection);
            connection = -1;
            continue;
        }
        if (!send_answer(connection, &s->answers[i++])) {
            close(connection);
            connection = -1;
        }
    }
    if (connection >= 0)
        close(connection);
    return NULL;
}

static pf_client *start(server *s, size_t max_answer)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof sa;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sa, &len), 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/", ntohs(sa.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    pf_client_config conf = {
        .url = s->url, .timeout = 30 * PF_NS_PER_SEC, .max_answer = max_answer, .token = s->token};
    pf_client *c;
    assert_int_equal(pf_client_new(&conf, &c, NULL), PF_OK);
    return c;
}

/* The requests may be looked at from here on. */
static void stop(server *s, pf_client *c)
{
    pf_client_free(c);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void clean(server *s)
{
    for (size_t i = 0; i < ANSWERS; i++)
        free(s->requests[i]);
}

static void assert_str(pf_str s, const char *want)
{
    if (!pf_str_eq(s, pf_str_c(want)))
        fail_msg("\"%.*s\" is not \"%s\"", PF_FMT(s), want);
}

#define PUSHED                                                                                     \
    "{\"code\":200,\"body\":{\"id\":\"bo51acqs8snb9srq3p10\",\"type\":\"cpu\","                    \
    "\"service\":\"sh p\",\"labels\":[{\"key\":\"a,b\",\"value\":\"c=d\"}],"                       \
    "\"created_at\":\"2026-11-22T10:00:00.5Z\"}}"

static void test_push(void **state)
{
    (void)state;
    server s = {.answers = {{200, PUSHED}}, .nanswers = 1};
    pf_client *c = start(&s, 0);
    pf_arena a;
    pf_meta meta;
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    pf_pair pair = {PF_STR("a,b"), PF_STR("c=d")};
    pf_push push = {.service = PF_STR("sh p"),
                    .type = PF_TYPE_CPU,
                    .labels = {&pair, 1},
                    .created_at = INT64_C(1795341600500000000),
                    .body = PF_STR("profile")};
    pf_code code = pf_client_push(c, &push, &a, &meta, &err);
    if (code)
        fail_msg("%s", err.msg);
    assert_str(meta.id, "bo51acqs8snb9srq3p10");
    assert_str(meta.service, "sh p");
    assert_int_equal(meta.type, PF_TYPE_CPU);
    assert_int_equal(meta.created_at, INT64_C(1795341600500000000));
    assert_int_equal(meta.labels.n, 1);
    assert_str(meta.labels.pairs[0].key, "a,b");
    assert_int_equal(pf_client_last(c)->status, 200);
    assert_int_equal(pf_client_last(c)->sent, 7);
    pf_arena_free(&a);
    stop(&s, c);
    char *line = s.requests[0];
    assert_non_null(strstr(line, "POST /api/0/profiles?service=sh%20p&type=cpu&"
                                 "labels=a%252Cb%3Dc%253Dd&created_at=2026-11-22T10%3A00%3A00.5 "
                                 "HTTP/1.1\r\n"));
    assert_non_null(strstr(line, "\r\n\r\nprofile"));
    assert_null(strcasestr(line, "Expect:"));
    clean(&s);
}

static void test_calls_share_a_connection(void **state)
{
    (void)state;
    server s = {
        .answers = {{200, "{}"}, {200, "12345"}, {200, "{\"code\":200,\"body\":[\"a\",\"b\"]}"}},
        .nanswers = 3};
    pf_client *c = start(&s, 0);
    pf_arena a;
    pf_strs names;
    pf_str body, ids[] = {PF_STR("x/1"), PF_STR("y")};
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_client_ping(c, &err), PF_OK);
    assert_int_equal(pf_client_get(c, ids, 2, &body, &err), PF_OK);
    assert_str(body, "12345");
    if (pf_client_services(c, &a, &names, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(names.n, 2);
    assert_str(names.v[1], "b");
    assert_false(pf_client_last(c)->connected);
    pf_arena_free(&a);
    stop(&s, c);
    assert_non_null(strstr(s.requests[1], "GET /api/0/profiles/x%2F1+y HTTP/1.1\r\n"));
    assert_int_equal(s.nconnections, 1);
    clean(&s);
}

static void test_a_token_goes_with_each_request(void **state)
{
    (void)state;
    const char *header = "\r\nAuthorization: Bearer pf_secret\r\n";
    server with = {.answers = {{200, "{}"}, {200, "{}"}}, .nanswers = 2, .token = "pf_secret"};
    server without = {.answers = {{200, "{}"}}, .nanswers = 1};
    pf_error err = {0};
    pf_client *c = start(&with, 0);
    assert_int_equal(pf_client_ping(c, &err), PF_OK);
    assert_int_equal(pf_client_ping(c, &err), PF_OK);
    stop(&with, c);
    c = start(&without, 0);
    assert_int_equal(pf_client_ping(c, &err), PF_OK);
    stop(&without, c);
    assert_non_null(strstr(with.requests[0], header));
    assert_non_null(strstr(with.requests[1], header));
    assert_null(strcasestr(without.requests[0], "Authorization"));
    clean(&with);
    clean(&without);
}

static void test_find_asks_exactly(void **state)
{
    (void)state;
    server s = {.answers = {{404, "{\"code\":404,\"error\":\"nothing found\"}"}}, .nanswers = 1};
    pf_client *c = start(&s, 0);
    pf_arena a;
    pf_metas found;
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    pf_query q = {.service = PF_STR("s"), .from = 0, .to = 1500000000, .limit = 5};
    assert_int_equal(pf_client_find(c, &q, &a, &found, &err), PF_NOT_FOUND);
    assert_string_equal(err.msg, "find: the server answered 404: nothing found");
    assert_int_equal(pf_client_last(c)->status, 404);
    pf_arena_free(&a);
    stop(&s, c);
    assert_non_null(strstr(s.requests[0],
                           "GET /api/0/profiles?service=s&from=1970-01-01T00%3A00%3A00.0&"
                           "to=1970-01-01T00%3A00%3A01.5&limit=5 HTTP/1.1\r\n"));
    clean(&s);
}

/* Answers with status 200 that are not what the contract says. */
static void test_nonsense_is_an_internal_error(void **state)
{
    (void)state;
    static const char *const nonsense[] = {
        "hello",
        "{\"code\":200}",
        "{\"code\":200,\"body\":{}}",
        "{\"code\":200,\"body\":[{}]}",
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        server s = {.answers = {{200, nonsense[i]}}, .nanswers = 1};
        pf_client *c = start(&s, 0);
        pf_arena a;
        pf_metas found;
        pf_error err = {0};
        pf_arena_init(&a, NULL, 0);
        pf_query q = {.service = PF_STR("s")};
        assert_int_equal(pf_client_find(c, &q, &a, &found, &err), PF_INTERNAL);
        assert_int_equal(found.n, 0);
        pf_arena_free(&a);
        stop(&s, c);
        clean(&s);
    }
}

static void test_a_query_out_of_time(void **state)
{
    (void)state;
    server s = {.answers = {{504, "{\"code\":504,\"error\":\"too slow\"}"}}, .nanswers = 1};
    pf_client *c = start(&s, 0);
    pf_arena a;
    pf_metas found;
    pf_error err = {0};
    pf_arena_init(&a, NULL, 0);
    assert_int_equal(pf_client_find(c, &(pf_query){.service = PF_STR("s")}, &a, &found, &err),
                     PF_TIMEOUT);
    pf_arena_free(&a);
    stop(&s, c);
    clean(&s);
}

static void test_an_answer_over_the_limit(void **state)
{
    (void)state;
    server s = {.answers = {{200, "0123456789"}}, .nanswers = 1};
    pf_client *c = start(&s, 9);
    pf_str body, id = PF_STR("x");
    pf_error err = {0};
    assert_int_equal(pf_client_get(c, &id, 1, &body, &err), PF_TOO_LARGE);
    assert_int_equal(body.n, 0);
    stop(&s, c);
    clean(&s);
}

static void test_no_answer_is_unavailable(void **state)
{
    (void)state;
    server s = {.answers = {{0, ""}}, .nanswers = 1};
    pf_client *c = start(&s, 0);
    pf_error err = {0};
    assert_int_equal(pf_client_ping(c, &err), PF_UNAVAILABLE);
    assert_int_equal(pf_client_last(c)->status, 0);
    stop(&s, c);
    clean(&s);
}

static void test_urls(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "localhost:10100", "ftp://x", "file:///etc/passwd"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pf_client *c;
        pf_client_config conf = {.url = bad[i]};
        assert_int_equal(pf_client_new(&conf, &c, NULL), PF_INVALID);
    }
    pf_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_calls_share_a_connection),
        cmocka_unit_test(test_a_token_goes_with_each_request),
        cmocka_unit_test(test_find_asks_exactly),
        cmocka_unit_test(test_nonsense_is_an_internal_error),
        cmocka_unit_test(test_a_query_out_of_time),
        cmocka_unit_test(test_an_answer_over_the_limit),
        cmocka_unit_test(test_no_answer_is_unavailable),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
