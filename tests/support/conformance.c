#include "support/conformance.h"

#include "base/clock.h"
#include "pprof/gzip.h"
#include "support/store_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND PF_NS_PER_SEC
#define T0 (INT64_C(1700000000) * SECOND)
#define EVER INT64_MIN, INT64_MAX

typedef struct place {
    const conformance_factory *factory;
    void *where;
    pf_store *store;
} place;

static const conformance_factory *current;

static int open_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    p->factory = current;
    p->where = current->setup();
    p->store = current->open(p->where);
    *state = p;
    return 0;
}

static int close_place(void **state)
{
    place *p = *state;
    pf_store_close(p->store);
    p->factory->teardown(p->where);
    free(p);
    return 0;
}

static pf_store *store_of(void **state)
{
    return ((place *)*state)->store;
}

static void reopen(void **state)
{
    place *p = *state;
    pf_store_close(p->store);
    p->store = p->factory->open(p->where);
}

static void put(pf_store *s, const char *service, pf_type type, const char *labels, int64_t at,
                char *id)
{
    pf_error err;
    char body[32];
    snprintf(body, sizeof body, "profile at %lld", (long long)at);
    if (fx_write(s, service, type, labels, at, body, id, &err))
        fail_msg("write: %s", err.msg);
}

/* One that can be decoded: a sample type "cpu" in "ns", no samples. */
static void put_profile(pf_store *s, const char *service, int64_t at, char *id)
{
    static const char bare[] = "\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x03"
                               "cpu\x32\x02ns";
    pf_error err;
    pf_write w = {.meta = {.service = pf_str_c(service), .type = PF_TYPE_CPU, .created_at = at},
                  .body = {bare, sizeof bare - 1},
                  .inflated = {bare, sizeof bare - 1}};
    if (pf_store_write_wait(s, &w, &err))
        fail_msg("write: %s", err.msg);
    strcpy(id, w.id);
}

static size_t count(pf_store *s, const char *service, pf_type type, const char *labels,
                    int64_t from, int64_t to)
{
    fx_found f = fx_find(s, service, type, labels, from, to, 0, 100);
    size_t n = f.n;
    fx_found_free(&f);
    return n;
}

static void test_gzip_comes_back_as_pushed(void **state)
{
    pf_store *s = store_of(state);
    pf_buf gz = fx_gzip("some profile");
    pf_write w = {.meta = {.service = PF_STR("svc"), .type = PF_TYPE_CPU, .created_at = T0},
                  .body = pf_buf_str(&gz),
                  .inflated = PF_STR("some profile")};
    pf_error err;
    pf_blob blob;
    assert_int_equal(pf_store_write_wait(s, &w, &err), PF_OK);
    assert_int_equal(pf_store_read(s, pf_str_c(w.id), NULL, &blob, &err), PF_OK);
    assert_int_equal(blob.type, PF_TYPE_CPU);
    assert_true(pf_is_gzip(pf_buf_str(&blob.bytes)));
    pf_buf_free(&blob.bytes);
    assert_true(fx_reads_back(s, w.id, "some profile"));
    pf_buf_free(&gz);
}

static void test_bare_protobuf_comes_back_gzipped(void **state)
{
    pf_store *s = store_of(state);
    pf_write w = {.meta = {.service = PF_STR("svc"), .type = PF_TYPE_HEAP, .created_at = T0},
                  .body = PF_STR("bare bytes"),
                  .inflated = PF_STR("bare bytes")};
    pf_error err;
    assert_int_equal(pf_store_write_wait(s, &w, &err), PF_OK);
    assert_true(fx_reads_back(s, w.id, "bare bytes"));
}

static void test_trace_comes_back_byte_for_byte(void **state)
{
    pf_store *s = store_of(state);
    static const char trace[] = "go 1.19 trace\0\0\0\x1f\x8b";
    pf_write w = {.meta = {.service = PF_STR("svc"), .type = PF_TYPE_TRACE, .created_at = T0},
                  .body = {trace, sizeof trace - 1}};
    pf_error err;
    pf_blob blob;
    assert_int_equal(pf_store_write_wait(s, &w, &err), PF_OK);
    assert_int_equal(pf_store_read(s, pf_str_c(w.id), NULL, &blob, &err), PF_OK);
    assert_int_equal(blob.type, PF_TYPE_TRACE);
    assert_int_equal(blob.bytes.len, sizeof trace - 1);
    assert_memory_equal(blob.bytes.data, trace, sizeof trace - 1);
    pf_buf_free(&blob.bytes);
}

static void test_large_profile(void **state)
{
    pf_store *s = store_of(state);
    size_t n = 5 * 1024 * 1024;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    pf_write w = {.meta = {.service = PF_STR("svc"), .type = PF_TYPE_TRACE, .created_at = T0},
                  .body = {bytes, n}};
    pf_error err;
    pf_blob blob;
    assert_int_equal(pf_store_write_wait(s, &w, &err), PF_OK);
    assert_int_equal(pf_store_read(s, pf_str_c(w.id), NULL, &blob, &err), PF_OK);
    assert_true(pf_str_eq(pf_buf_str(&blob.bytes), w.body));
    pf_buf_free(&blob.bytes);
    free(bytes);
}

static void test_absent_and_malformed_ids(void **state)
{
    pf_store *s = store_of(state);
    char id[PF_ID_MAX + 1];
    pf_error err;
    pf_blob blob;
    put(s, "svc", PF_TYPE_CPU, "", T0, id);
    id[0] = id[0] == '0' ? '1' : '0';
    assert_int_equal(pf_store_read(s, pf_str_c(id), NULL, &blob, &err), PF_NOT_FOUND);
    assert_string_equal(err.msg, "nothing found");
    assert_int_equal(pf_store_read(s, PF_STR("not an id"), NULL, &blob, &err), PF_INVALID);
    assert_int_equal(pf_store_read(s, PF_STR(""), NULL, &blob, &err), PF_INVALID);
}

static void test_range_is_inclusive(void **state)
{
    pf_store *s = store_of(state);
    for (int i = 0; i < 5; i++)
        put(s, "svc", PF_TYPE_CPU, "", T0 + i, NULL);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", T0, T0 + 4), 5);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", T0 + 1, T0 + 3), 3);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", T0 + 2, T0 + 2), 1);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", T0 + 5, INT64_MAX), 0);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", INT64_MIN, T0 - 1), 0);
}

static void test_extreme_times(void **state)
{
    pf_store *s = store_of(state);
    put(s, "svc", PF_TYPE_CPU, "", INT64_MIN, NULL);
    put(s, "svc", PF_TYPE_CPU, "", -1, NULL);
    put(s, "svc", PF_TYPE_CPU, "", 0, NULL);
    put(s, "svc", PF_TYPE_CPU, "", INT64_MAX, NULL);
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 0, 1);
    assert_int_equal(f.n, 4);
    assert_true(f.list[0].created_at == INT64_MIN && f.list[1].created_at == -1);
    assert_true(f.list[2].created_at == 0 && f.list[3].created_at == INT64_MAX);
    fx_found_free(&f);
    f = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 2, 10);
    assert_int_equal(f.n, 2);
    assert_true(f.list[0].created_at == 0);
    fx_found_free(&f);
}

static void test_service_and_type(void **state)
{
    pf_store *s = store_of(state);
    put(s, "a", PF_TYPE_CPU, "", T0, NULL);
    put(s, "a", PF_TYPE_HEAP, "", T0 + 1, NULL);
    put(s, "a", PF_TYPE_OTHER, "", T0 + 2, NULL);
    put(s, "a", PF_TYPE_TRACE, "", T0 + 3, NULL);
    put(s, "ab", PF_TYPE_CPU, "", T0, NULL);
    assert_int_equal(count(s, "a", PF_TYPE_CPU, "", EVER), 1);
    assert_int_equal(count(s, "a", PF_TYPE_TRACE, "", EVER), 1);
    assert_int_equal(count(s, "a", PF_TYPE_BLOCK, "", EVER), 0);
    assert_int_equal(count(s, "ab", PF_TYPE_UNKNOWN, "", EVER), 1);
    assert_int_equal(count(s, "b", PF_TYPE_UNKNOWN, "", EVER), 0);
    fx_found f = fx_find(s, "a", PF_TYPE_UNKNOWN, "", EVER, 0, 10);
    assert_int_equal(f.n, 4);
    assert_int_equal(f.list[0].type, PF_TYPE_CPU);
    assert_int_equal(f.list[2].type, PF_TYPE_OTHER);
    assert_int_equal(f.list[3].type, PF_TYPE_TRACE);
    fx_found_free(&f);
}

static void test_labels_select_subsets(void **state)
{
    pf_store *s = store_of(state);
    put(s, "svc", PF_TYPE_CPU, "", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "host=a", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "host=a,zone=x", T0, NULL);
    put(s, "svc", PF_TYPE_HEAP, "host=a,zone=y", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "host=ab", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "host=", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "host=b,host=c", T0, NULL);
    put(s, "other", PF_TYPE_CPU, "host=a", T0, NULL);
    assert_int_equal(count(s, "svc", PF_TYPE_UNKNOWN, "", EVER), 7);
    assert_int_equal(count(s, "svc", PF_TYPE_UNKNOWN, "host=a", EVER), 3);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=a", EVER), 2);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "zone=x,host=a", EVER), 1);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=", EVER), 1);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=c", EVER), 1);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=b,host=c", EVER), 1);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=a,host=c", EVER), 0);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "host=nowhere", EVER), 0);
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "host=c", EVER, 0, 10);
    assert_string_equal(f.list[0].labels, "host=b,host=c");
    fx_found_free(&f);
}

/* Rare, common and universal labels, over few and over many series, page by page and with a limit.
 */
static void test_labels_find_every_match(void **state)
{
    pf_store *s = store_of(state);
    enum { N = 1200 };
    char labels[64];
    for (int i = 0; i < N; i++) {
        snprintf(labels, sizeof labels, "all=1,half=%d,tenth=%d,host=h%d", i % 2, i % 10, i % 400);
        put(s, "svc", i % 3 ? PF_TYPE_CPU : PF_TYPE_HEAP, labels, T0 + i * SECOND, NULL);
    }
    for (size_t page = 7; page < 2000; page *= 5) {
        static const struct {
            const char *labels;
            size_t n;
        } cases[] = {{"all=1", N},     {"half=1", N / 2},          {"tenth=3", N / 10},
                     {"host=h7", 3},   {"half=0,tenth=4", N / 10}, {"half=1,tenth=4", 0},
                     {"host=h9999", 0}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            fx_found f = fx_find(s, "svc", PF_TYPE_UNKNOWN, cases[i].labels, EVER, 0, page);
            assert_int_equal(f.n, cases[i].n);
            for (size_t j = 1; j < f.n; j++)
                assert_true(f.list[j - 1].created_at < f.list[j].created_at);
            fx_found_free(&f);
        }
    }
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "tenth=3", T0 + 600 * SECOND, INT64_MAX, 0, 11);
    size_t want = 0;
    for (int i = 600; i < N; i++)
        want += i % 10 == 3 && i % 3 != 0;
    assert_int_equal(f.n, want);
    fx_found_free(&f);
    f = fx_find(s, "svc", PF_TYPE_UNKNOWN, "tenth=3", EVER, 5, 11);
    assert_int_equal(f.n, 5);
    assert_true(f.list[4].created_at == T0 + 1193 * SECOND);
    assert_true(f.list[0].created_at == T0 + 1153 * SECOND);
    fx_found_free(&f);
}

static int by_time_then_id(const void *a, const void *b)
{
    const struct fx_meta *x = a, *y = b;
    if (x->created_at != y->created_at)
        return x->created_at < y->created_at ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* The same listing whatever the page; many share a time; limits take the newest. */
static void test_pages(void **state)
{
    pf_store *s = store_of(state);
    enum { N = 97 };
    struct fx_meta want[N];
    for (int i = 0; i < N; i++) {
        char id[PF_ID_MAX + 1];
        want[i].created_at = T0 + (i * 7919 % 13) * SECOND;
        put(s, "svc", i % 2 ? PF_TYPE_CPU : PF_TYPE_HEAP, i % 3 ? "a=1" : "b=2", want[i].created_at,
            id);
        memcpy(want[i].id, id, sizeof want[i].id);
    }
    qsort(want, N, sizeof *want, by_time_then_id);
    static const size_t pages[] = {1, 2, 3, 10, 96, 97, 98, 5000};
    static const int64_t limits[] = {0, 1, 5, 96, 97, 98, 1000, -3};
    for (size_t p = 0; p < sizeof pages / sizeof *pages; p++)
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
            size_t n = limits[l] > 0 && limits[l] < N ? (size_t)limits[l] : N;
            fx_found f = fx_find(s, "svc", PF_TYPE_UNKNOWN, "", EVER, limits[l], pages[p]);
            assert_int_equal(f.n, n);
            for (size_t i = 0; i < n; i++)
                assert_string_equal(f.list[i].id, want[N - n + i].id);
            fx_found_free(&f);
        }
}

/* More than any store gives in one page, and a limit that lies in the middle. */
static void test_many(void **state)
{
    pf_store *s = store_of(state);
    enum { N = 2600 };
    for (int i = 0; i < N; i++)
        put(s, "svc", PF_TYPE_CPU, "", T0 + i / 2, NULL);
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 0, 100000);
    assert_int_equal(f.n, N);
    fx_found g = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 2100, 100000);
    assert_int_equal(g.n, 2100);
    for (size_t i = 0; i < g.n; i++)
        assert_string_equal(g.list[i].id, f.list[N - 2100 + i].id);
    fx_found_free(&g);
    g = fx_find(s, "svc", PF_TYPE_UNKNOWN, "", T0 + 100, T0 + 1199, 1500, 33);
    assert_int_equal(g.n, 1500);
    assert_string_equal(g.list[1499].id, f.list[2399].id);
    fx_found_free(&g);
    fx_found_free(&f);
}

static bool take_one(void *ctx, const pf_meta *meta)
{
    ++*(size_t *)ctx;
    (void)meta;
    return false;
}

static void test_page_ends_when_told(void **state)
{
    pf_store *s = store_of(state);
    for (int i = 0; i < 5; i++)
        put(s, "svc", PF_TYPE_CPU, "", T0 + i, NULL);
    for (int64_t limit = 0; limit < 7; limit += 3) {
        pf_query q = {.service = PF_STR("svc"), .from = INT64_MIN, .to = INT64_MAX, .limit = limit};
        pf_find_pos pos = {0};
        pf_error err;
        size_t n = 0;
        for (int i = 0; i < 20 && !pos.finished; i++)
            assert_int_equal(pf_store_find(s, &q, &pos, 100, NULL, take_one, &n, &err), PF_OK);
        assert_true(pos.finished);
        assert_int_equal(n, limit == 3 ? 3 : 5);
    }
}

static bool add_service(void *ctx, pf_str service)
{
    pf_buf *b = ctx;
    pf_buf_put_str(b, service);
    pf_buf_putc(b, ';');
    return true;
}

static void check_services(pf_store *s, const char *want)
{
    pf_buf b = PF_BUF_INIT;
    pf_error err;
    assert_int_equal(pf_store_services(s, NULL, add_service, &b, &err), PF_OK);
    pf_buf_putc(&b, 0);
    assert_string_equal(b.data, want);
    pf_buf_free(&b);
}

static void test_services(void **state)
{
    pf_store *s = store_of(state);
    check_services(s, "");
    put(s, "zeta", PF_TYPE_CPU, "", T0, NULL);
    put(s, "a/b,c=d", PF_TYPE_CPU, "x=1", T0, NULL);
    put(s, "\xc3\xa9", PF_TYPE_CPU, "", T0, NULL);
    put(s, "zeta", PF_TYPE_HEAP, "", T0, NULL);
    put(s, "Zeta", PF_TYPE_HEAP, "", T0, NULL);
    check_services(s, "Zeta;a/b,c=d;zeta;\xc3\xa9;");
}

static void test_reopening_keeps_all(void **state)
{
    char id[2][PF_ID_MAX + 1];
    put(store_of(state), "svc", PF_TYPE_CPU, "k=v", T0, id[0]);
    reopen(state);
    put(store_of(state), "svc", PF_TYPE_CPU, "k=v", T0 + 1, id[1]);
    reopen(state);
    pf_store *s = store_of(state);
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "k=v", EVER, 0, 10);
    assert_int_equal(f.n, 2);
    for (int i = 0; i < 2; i++) {
        char body[32];
        snprintf(body, sizeof body, "profile at %lld", (long long)(T0 + i));
        assert_string_equal(f.list[i].id, id[i]);
        assert_true(fx_reads_back(s, id[i], body));
    }
    fx_found_free(&f);
    check_services(s, "svc;");
}

static void test_operations_end_when_told(void **state)
{
    pf_store *s = store_of(state);
    put(s, "svc", PF_TYPE_CPU, "", T0, NULL);
    put(s, "svc", PF_TYPE_CPU, "", T0 + 1, NULL);
    atomic_bool cancel;
    atomic_init(&cancel, true);
    pf_op cancelled = {.cancel = &cancel}, late = {.deadline = 1};
    pf_query q = {
        .service = PF_STR("svc"), .type = PF_TYPE_CPU, .from = INT64_MIN, .to = INT64_MAX};
    pf_selection sel = {.query = &q};
    pf_find_pos pos = {0};
    pf_error err;
    pf_blob blob;
    size_t n = 0;
    assert_int_equal(pf_store_find(s, &q, &pos, 10, &cancelled, take_one, &n, &err), PF_CANCELLED);
    assert_int_equal(pf_store_find(s, &q, &pos, 10, &late, take_one, &n, &err), PF_TIMEOUT);
    assert_int_equal(n, 0);
    assert_int_equal(pf_store_merge(s, &sel, &cancelled, &blob, &err), PF_CANCELLED);
    assert_int_equal(pf_store_merge(s, &sel, &late, &blob, &err), PF_TIMEOUT);
}

static void test_merge_of_one_is_the_stored_one(void **state)
{
    pf_store *s = store_of(state);
    char id[PF_ID_MAX + 1];
    pf_error err;
    pf_blob merged, stored;
    put(s, "svc", PF_TYPE_CPU, "", T0, id);
    pf_query q = {.service = PF_STR("svc"), .type = PF_TYPE_CPU, .from = T0, .to = T0};
    pf_selection sel = {.query = &q};
    assert_int_equal(pf_store_read(s, pf_str_c(id), NULL, &stored, &err), PF_OK);
    assert_int_equal(pf_store_merge(s, &sel, NULL, &merged, &err), PF_OK);
    assert_true(pf_str_eq(pf_buf_str(&merged.bytes), pf_buf_str(&stored.bytes)));
    pf_buf_free(&merged.bytes);
    pf_buf_free(&stored.bytes);
}

static void test_merge_says_what_is_wrong(void **state)
{
    pf_store *s = store_of(state);
    char id[PF_ID_MAX + 1], trace[PF_ID_MAX + 1], absent[PF_ID_MAX + 1];
    pf_error err;
    pf_blob blob;
    put(s, "svc", PF_TYPE_CPU, "", T0, id);
    put(s, "svc", PF_TYPE_TRACE, "", T0, trace);
    strcpy(absent, id);
    absent[0] = absent[0] == '0' ? '1' : '0';
    pf_str one_absent[] = {pf_str_c(absent), pf_str_c(id)};
    pf_selection sel = {.ids = one_absent, .nids = 2};
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_NOT_FOUND);
    assert_non_null(strstr(err.msg, absent));
    pf_str one_trace[] = {pf_str_c(trace), pf_str_c(trace)};
    sel = (pf_selection){.ids = one_trace, .nids = 2};
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_NOT_ALLOWED);
    pf_str malformed[] = {PF_STR("?")};
    sel = (pf_selection){.ids = malformed, .nids = 1};
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_INVALID);
    pf_query q = {
        .service = PF_STR("nobody"), .type = PF_TYPE_CPU, .from = INT64_MIN, .to = INT64_MAX};
    sel = (pf_selection){.query = &q};
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_NOT_FOUND);
    q.type = PF_TYPE_UNKNOWN;
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_NOT_ALLOWED);
    q.type = PF_TYPE_TRACE;
    assert_int_equal(pf_store_merge(s, &sel, NULL, &blob, &err), PF_NOT_ALLOWED);
}

enum { WRITERS = 4, EACH = 60 };

typedef struct worker {
    pf_store *store;
    int number;
    char ids[EACH][PF_ID_MAX + 1];
    int failures;
} worker;

static void *write_and_look(void *ctx)
{
    worker *w = ctx;
    char labels[32], body[32];
    for (int i = 0; i < EACH; i++) {
        pf_error err;
        snprintf(labels, sizeof labels, "w=%d,i=%d", w->number, i % 7);
        snprintf(body, sizeof body, "body %d %d", w->number, i);
        if (fx_write(w->store, "svc", PF_TYPE_CPU, labels, T0 + i, body, w->ids[i], &err) ||
            !fx_reads_back(w->store, w->ids[i], body))
            w->failures++;
        snprintf(labels, sizeof labels, "w=%d", w->number);
        fx_found f = fx_find(w->store, "svc", PF_TYPE_CPU, labels, EVER, 0, 16);
        w->failures += f.n != (size_t)i + 1;
        fx_found_free(&f);
    }
    return NULL;
}

static void test_threads_see_what_they_wrote(void **state)
{
    pf_store *s = store_of(state);
    worker *workers = calloc(WRITERS, sizeof *workers);
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        workers[i] = (worker){.store = s, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_look, &workers[i]), 0);
    }
    int failures = 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, 0);
    assert_int_equal(count(s, "svc", PF_TYPE_UNKNOWN, "", EVER), WRITERS * EACH);
    free(workers);
}

/* What an operation sees of two services when its scope holds one of them, and what it can't tell from nothing. */
static bool count_meta(void *ctx, const pf_meta *meta)
{
    (void)meta;
    ++*(size_t *)ctx;
    return true;
}

static bool count_meta_total(void *ctx, const pf_meta *meta, const pf_total *t)
{
    (void)t;
    return count_meta(ctx, meta);
}

static pf_code count_total(void *ctx, const pf_total *t, pf_error *err)
{
    (void)t;
    (void)err;
    ++*(size_t *)ctx;
    return PF_OK;
}

static pf_code count_merged(void *ctx, const pf_merged *m, pf_error *err)
{
    (void)err;
    *(size_t *)ctx = m->count;
    return PF_OK;
}

static size_t seen_by_queries(pf_store *s, const char *service, const pf_op *op)
{
    pf_query q = {
        .service = pf_str_c(service), .type = PF_TYPE_CPU, .from = INT64_MIN, .to = INT64_MAX};
    pf_selection sel = {.query = &q};
    pf_error err;
    pf_blob blob = {0};
    size_t found = 0, with_totals = 0, totals = 0, merged = 0;
    pf_find_pos pos = {0}, pos_totals = {0};
    assert_int_equal(pf_store_find(s, &q, &pos, 10, op, count_meta, &found, &err), PF_OK);
    assert_int_equal(
        pf_store_find_totals(s, &q, &pos_totals, 10, op, count_meta_total, &with_totals, &err),
        PF_OK);
    assert_int_equal(pf_store_totals(s, &q, op, count_total, &totals, &err), PF_OK);
    pf_code profile = pf_store_merge_profile(s, &sel, op, count_merged, &merged, &err);
    assert_int_equal(pf_store_merge(s, &sel, op, &blob, &err), profile);
    pf_buf_free(&blob.bytes);
    assert_int_equal(profile, found ? PF_OK : PF_NOT_FOUND);
    assert_true(pos.finished && pos_totals.finished);
    assert_true(found == with_totals && found == totals && found == merged);
    return found;
}

static void check_reads(pf_store *s, const char *id, const pf_op *op, pf_code want)
{
    pf_error err;
    pf_blob blob = {0};
    const pf_str ids[] = {pf_str_c(id)};
    pf_selection sel = {.ids = ids, .nids = 1};
    size_t merged = 0;
    assert_int_equal(pf_store_read(s, ids[0], op, &blob, &err), want);
    if (want)
        assert_string_equal(err.msg, "nothing found");
    pf_buf_free(&blob.bytes);
    assert_int_equal(pf_store_merge(s, &sel, op, &blob, &err), want);
    pf_buf_free(&blob.bytes);
    assert_int_equal(pf_store_merge_profile(s, &sel, op, count_merged, &merged, &err), want);
}

static void test_an_operation_sees_its_scope_alone(void **state)
{
    pf_store *s = store_of(state);
    char ours[PF_ID_MAX + 1], theirs[PF_ID_MAX + 1];
    const pf_str patterns[] = {PF_STR("shop-*")};
    const pf_scope scope = {patterns, 1};
    const pf_op op = {.scope = &scope};
    put_profile(s, "shop-web", T0, ours);
    put_profile(s, "bank", T0, theirs);
    assert_int_equal(seen_by_queries(s, "shop-web", &op), 1);
    assert_int_equal(seen_by_queries(s, "bank", &op), 0);
    assert_int_equal(seen_by_queries(s, "bank", NULL), 1);
    check_reads(s, ours, &op, PF_OK);
    check_reads(s, theirs, &op, PF_NOT_FOUND);
    check_reads(s, theirs, NULL, PF_OK);
    pf_buf names = PF_BUF_INIT;
    pf_error err;
    assert_int_equal(pf_store_services(s, &op, add_service, &names, &err), PF_OK);
    assert_true(pf_str_eq(pf_buf_str(&names), PF_STR("shop-web;")));
    pf_buf_free(&names);
}

static void test_an_operation_ends_when_its_right_does(void **state)
{
    pf_store *s = store_of(state);
    char id[PF_ID_MAX + 1];
    pf_error err;
    pf_blob blob;
    atomic_bool revoked = true;
    const pf_op op = {.revoked = &revoked};
    put(s, "svc", PF_TYPE_CPU, "", T0, id);
    assert_int_equal(pf_store_read(s, pf_str_c(id), &op, &blob, &err), PF_UNAUTHENTICATED);
    assert_string_equal(err.msg, "the token was revoked or has expired");
}

/* One of `body` under an external id; the code of the answer. */
static pf_code push_again(pf_store *s, const char *service, const char *external, const char *body,
                          const char *labels, pf_write *w)
{
    static pf_arena a;
    pf_error err;
    pf_arena_free(&a);
    pf_arena_init(&a, NULL, 0);
    *w = (pf_write){.meta = {.service = pf_str_c(service),
                             .type = PF_TYPE_TRACE,
                             .labels = fx_labels(&a, labels),
                             .created_at = T0},
                    .external_id = pf_str_c(external),
                    .body = pf_str_c(body),
                    .arena = &a};
    return pf_store_write_wait(s, w, &err);
}

static void test_a_push_that_is_repeated_is_stored_once(void **state)
{
    pf_store *s = store_of(state);
    pf_write w;
    char first[PF_ID_MAX + 1];
    if (!pf_store_traits_of(s)->external_ids)
        return;
    assert_int_equal(push_again(s, "svc", "push-1", "body", "a=1", &w), PF_OK);
    assert_false(w.repeated);
    strcpy(first, w.id);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(push_again(s, "svc", "push-1", "body", "a=2", &w), PF_OK);
        assert_true(w.repeated);
        assert_string_equal(w.id, first);
        assert_int_equal(w.meta.labels.n, 1);
        assert_true(pf_str_eq(w.meta.labels.pairs[0].value, PF_STR("1"))); /* the first one's */
        assert_int_equal(push_again(s, "svc", "push-1", "another", "a=1", &w), PF_CONFLICT);
        assert_int_equal(count(s, "svc", PF_TYPE_UNKNOWN, "", EVER), 1);
        reopen(state);
        s = store_of(state);
    }
    assert_int_equal(push_again(s, "other", "push-1", "body", "", &w), PF_OK);
    assert_false(w.repeated);
    assert_string_not_equal(w.id, first);
    assert_int_equal(push_again(s, "svc", "push-2", "body", "", &w), PF_OK);
    assert_false(w.repeated);
}

static pf_code remove_query(pf_store *s, const char *service, pf_type type, int64_t from,
                            int64_t to, bool dry_run, int64_t *removed)
{
    pf_error err;
    pf_query q = {.service = pf_str_c(service), .type = type, .from = from, .to = to, .limit = 1};
    pf_removal r = {.what = {.query = &q}, .dry_run = dry_run};
    return pf_store_remove(s, &r, NULL, removed, &err);
}

static void test_what_a_query_finds_is_removed(void **state)
{
    pf_store *s = store_of(state);
    char id[PF_ID_MAX + 1], kept[PF_ID_MAX + 1];
    int64_t n;
    pf_error err;
    pf_blob blob;
    if (!pf_store_traits_of(s)->deletes)
        return;
    for (int i = 0; i < 1200; i++)
        put(s, "svc", PF_TYPE_CPU, "", T0 + i * SECOND, id);
    put(s, "svc", PF_TYPE_HEAP, "", T0, kept);
    put(s, "other", PF_TYPE_CPU, "", T0, kept);
    assert_int_equal(remove_query(s, "svc", PF_TYPE_CPU, T0, T0 + 99 * SECOND, true, &n), PF_OK);
    assert_int_equal(n, 100);
    fx_found f = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 0, 1000);
    assert_int_equal(f.n, 1200);
    fx_found_free(&f);
    assert_int_equal(remove_query(s, "svc", PF_TYPE_CPU, T0 + 100 * SECOND, INT64_MAX, false, &n),
                     PF_OK);
    assert_int_equal(n, 1100);
    for (int round = 0; round < 2; round++) {
        f = fx_find(s, "svc", PF_TYPE_CPU, "", EVER, 0, 1000);
        assert_int_equal(f.n, 100);
        fx_found_free(&f);
        assert_int_equal(count(s, "svc", PF_TYPE_HEAP, "", EVER), 1);
        assert_int_equal(count(s, "other", PF_TYPE_CPU, "", EVER), 1);
        assert_int_equal(pf_store_read(s, pf_str_c(id), NULL, &blob, &err), PF_NOT_FOUND);
        assert_true(fx_reads_back(s, kept, "profile at 1700000000000000000"));
        reopen(state);
        s = store_of(state);
    }
    assert_int_equal(remove_query(s, "nobody", PF_TYPE_UNKNOWN, EVER, false, &n), PF_OK);
    assert_int_equal(n, 0);
    put(s, "svc", PF_TYPE_CPU, "", T0, id); /* numbers are given again */
    assert_true(fx_reads_back(s, id, "profile at 1700000000000000000"));
}

static pf_code remove_ids(pf_store *s, const pf_str *ids, size_t n, const pf_op *op,
                          int64_t *removed, pf_error *err)
{
    pf_removal r = {.what = {.ids = ids, .nids = n}};
    return pf_store_remove(s, &r, op, removed, err);
}

static bool give_service(void *ctx, pf_str service)
{
    (void)service;
    ++*(size_t *)ctx;
    return true;
}

static void test_ids_are_removed_all_or_none(void **state)
{
    pf_store *s = store_of(state);
    char a[PF_ID_MAX + 1], b[PF_ID_MAX + 1];
    int64_t n;
    size_t services = 0;
    pf_error err;
    if (!pf_store_traits_of(s)->deletes)
        return;
    put(s, "svc", PF_TYPE_CPU, "", T0, a);
    put(s, "other", PF_TYPE_CPU, "", T0, b);
    const pf_str absent[] = {pf_str_c(a), PF_STR("00000000000000000000")};
    assert_int_equal(remove_ids(s, absent, 2, NULL, &n, &err), PF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "00000000000000000000"));
    assert_int_equal(n, 0);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", EVER), 1);
    const pf_str svc = PF_STR("svc");
    const pf_scope scope = {&svc, 1};
    const pf_op op = {.scope = &scope};
    const pf_str both[] = {pf_str_c(a), pf_str_c(b), pf_str_c(a)};
    assert_int_equal(remove_ids(s, both, 3, &op, &n, &err), PF_NOT_FOUND);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", EVER), 1);
    assert_int_equal(remove_ids(s, both, 3, NULL, &n, &err), PF_OK);
    assert_int_equal(n, 2);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", EVER), 0);
    put(s, "svc", PF_TYPE_CPU, "", T0, a);
    put(s, "svc", PF_TYPE_CPU, "", T0, b);
    assert_int_equal(remove_ids(s, both, 1, NULL, &n, &err), PF_OK);
    assert_int_equal(count(s, "svc", PF_TYPE_CPU, "", EVER), 1);
    assert_int_equal(remove_ids(s, both + 1, 1, NULL, &n, &err), PF_OK);
    assert_int_equal(pf_store_services(s, NULL, give_service, &services, &err), PF_OK);
    assert_int_equal(services, 0);
}

static void test_a_removed_profile_can_be_pushed_again(void **state)
{
    pf_store *s = store_of(state);
    pf_write w;
    int64_t n;
    pf_error err;
    if (!pf_store_traits_of(s)->deletes || !pf_store_traits_of(s)->external_ids)
        return;
    assert_int_equal(push_again(s, "svc", "push-1", "body", "", &w), PF_OK);
    assert_int_equal(remove_ids(s, &(pf_str){w.id, strlen(w.id)}, 1, NULL, &n, &err), PF_OK);
    assert_int_equal(n, 1);
    assert_int_equal(push_again(s, "svc", "push-1", "another", "", &w), PF_OK);
    assert_false(w.repeated);
    assert_int_equal(count(s, "svc", PF_TYPE_UNKNOWN, "", EVER), 1);
}

static void test_ready(void **state)
{
    pf_error err;
    assert_int_equal(pf_store_ready(store_of(state), &err), PF_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int conformance_run(const conformance_factory *factory)
{
    static const struct CMUnitTest tests[] = {
        CASE(test_gzip_comes_back_as_pushed),
        CASE(test_bare_protobuf_comes_back_gzipped),
        CASE(test_trace_comes_back_byte_for_byte),
        CASE(test_large_profile),
        CASE(test_absent_and_malformed_ids),
        CASE(test_range_is_inclusive),
        CASE(test_extreme_times),
        CASE(test_service_and_type),
        CASE(test_labels_select_subsets),
        CASE(test_labels_find_every_match),
        CASE(test_pages),
        CASE(test_many),
        CASE(test_page_ends_when_told),
        CASE(test_services),
        CASE(test_reopening_keeps_all),
        CASE(test_operations_end_when_told),
        CASE(test_merge_of_one_is_the_stored_one),
        CASE(test_merge_says_what_is_wrong),
        CASE(test_an_operation_sees_its_scope_alone),
        CASE(test_an_operation_ends_when_its_right_does),
        CASE(test_a_push_that_is_repeated_is_stored_once),
        CASE(test_what_a_query_finds_is_removed),
        CASE(test_ids_are_removed_all_or_none),
        CASE(test_a_removed_profile_can_be_pushed_again),
        CASE(test_threads_see_what_they_wrote),
        CASE(test_ready),
    };
    current = factory;
    return cmocka_run_group_tests_name(factory->name, tests, NULL, NULL);
}
