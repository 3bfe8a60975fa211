/* Reads when memory runs out, at each allocation in turn, SQLite's among them: an error that says so, nothing held
 * afterwards, and the same answer as before when there is memory again.
 */
#include "base/log.h"
#include "storage/local/store.h"
#include "support/alloc_fault.h"
#include "support/store_fixture.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PROFILES = 3 };

static char *dir;
static pf_local *local;
static pf_ledger budget;
static char ids[PROFILES][PF_ID_MAX + 1], trace[PF_ID_MAX + 1];
static const pf_op op = {.budget = &budget, .max_memory = 64 << 20};
static const pf_query everything = {
    .service = PF_STR("s"), .type = PF_TYPE_CPU, .from = INT64_MIN, .to = INT64_MAX};

static void push(uint64_t seed, int64_t created_at, char id[PF_ID_MAX + 1])
{
    pf_arena a;
    pf_error err = {0};
    pf_buf body = PF_BUF_INIT;
    pf_profile made, decoded;
    pf_pair pair = {PF_STR("k"), PF_STR("v")};
    pf_arena_init(&a, NULL, 0);
    made = pf_test_profile(seed, &a);
    assert_int_equal(pf_profile_encode(&made, &body, &err), PF_OK);
    assert_int_equal(pf_profile_decode(&decoded, &a, pf_buf_str(&body), &err), PF_OK);
    pf_write w = {.meta = {.service = PF_STR("s"),
                           .type = PF_TYPE_CPU,
                           .labels = {&pair, 1},
                           .created_at = created_at},
                  .body = pf_buf_str(&body),
                  .inflated = pf_buf_str(&body),
                  .profile = &decoded,
                  .arena = &a};
    if (pf_store_write_wait(&local->base, &w, &err))
        fail_msg("write: %s", err.msg);
    strcpy(id, w.id);
    pf_buf_free(&body);
    pf_arena_free(&a);
}

/* Profiles that can be merged: one twice, so that what is known comes again. */
static int set_up(void **state)
{
    (void)state;
    pf_error err = {0};
    pf_store *s;
    dir = fx_make_dir();
    pf_ledger_init(&budget, "-memory.max-inflight", 256 << 20, PF_UNAVAILABLE, NULL);
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    if (pf_local_open(&cfg, &s, &err))
        fail_msg("%s", err.msg);
    local = (pf_local *)s;
    for (int i = 0; i < PROFILES; i++)
        push(1, i + 1, ids[i]);
    static char body[100000];
    memset(body, 'x', sizeof body - 1);
    assert_int_equal(fx_write(s, "s", PF_TYPE_TRACE, "", 1, body, trace, &err), PF_OK);
    local->views.max = 0; /* each read takes its tables from disk */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pf_store_close(&local->base);
    fx_remove_dir(dir);
    return 0;
}

/* A read; what it gives is added to *digest. Nothing here allocates beside the store. */
typedef pf_code (*reading)(uint64_t *digest, pf_error *err);

static void note_bytes(void *digest, const void *p, size_t n)
{
    uint64_t *d = digest; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        *d = (*d ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
}

static void note(void *digest, int64_t value)
{
    note_bytes(digest, &value, sizeof value);
}

static pf_code note_blob(pf_code code, pf_blob *blob, uint64_t *digest)
{
    if (code)
        return code;
    note_bytes(digest, blob->bytes.data, blob->bytes.len);
    pf_buf_free(&blob->bytes);
    return PF_OK;
}

static pf_code read_one(uint64_t *digest, pf_error *err)
{
    pf_blob blob;
    pf_code code = pf_store_read(&local->base, pf_str_c(ids[1]), &op, &blob, err);
    return note_blob(code, &blob, digest);
}

static pf_code read_large(uint64_t *digest, pf_error *err)
{
    pf_blob blob;
    pf_code code = pf_store_read(&local->base, pf_str_c(trace), &op, &blob, err);
    return note_blob(code, &blob, digest);
}

static pf_code merge_ids(uint64_t *digest, pf_error *err)
{
    pf_blob blob;
    const pf_str list[] = {pf_str_c(ids[0]), pf_str_c(ids[2])};
    const pf_selection sel = {.ids = list, .nids = 2};
    pf_code code = pf_store_merge(&local->base, &sel, &op, &blob, err);
    return note_blob(code, &blob, digest);
}

static pf_code merge_query(uint64_t *digest, pf_error *err)
{
    pf_blob blob;
    const pf_selection sel = {.query = &everything};
    pf_code code = pf_store_merge(&local->base, &sel, &op, &blob, err);
    return note_blob(code, &blob, digest);
}

static pf_code note_merged(void *digest, const pf_merged *m, pf_error *err)
{
    (void)err;
    const pf_profile *p = m->profile;
    note(digest, (int64_t)m->count);
    for (uint32_t i = 0; i < p->nstring; i++)
        note_bytes(digest, p->string[i].p, p->string[i].n);
    note_bytes(digest, p->value, (size_t)p->nsample * p->nsample_type * sizeof *p->value);
    note_bytes(digest, p->sample_location, p->nsample_location * sizeof *p->sample_location);
    return PF_OK;
}

static pf_code merge_profile(uint64_t *digest, pf_error *err)
{
    const pf_selection sel = {.query = &everything};
    return pf_store_merge_profile(&local->base, &sel, &op, note_merged, digest, err);
}

static bool note_meta(void *digest, const pf_meta *meta)
{
    note(digest, meta->created_at);
    note_bytes(digest, meta->id.p, meta->id.n);
    note_bytes(digest, meta->labels.pairs[0].value.p, meta->labels.pairs[0].value.n);
    return true;
}

static pf_code find(uint64_t *digest, pf_error *err)
{
    static const pf_pair pair = {PF_STR("k"), PF_STR("v")};
    pf_query labelled = everything;
    labelled.labels = (pf_labels){(pf_pair *)&pair, 1};
    pf_find_pos pos = {0};
    return pf_store_find(&local->base, &labelled, &pos, 100, &op, note_meta, digest, err);
}

static bool note_meta_total(void *digest, const pf_meta *meta, const pf_total *t)
{
    note(digest, t->sum[0]);
    return note_meta(digest, meta);
}

static pf_code find_totals(uint64_t *digest, pf_error *err)
{
    pf_find_pos pos = {0};
    return pf_store_find_totals(&local->base, &everything, &pos, 100, &op, note_meta_total, digest,
                                err);
}

static pf_code note_total(void *digest, const pf_total *t, pf_error *err)
{
    (void)err;
    note(digest, t->created_at);
    note(digest, t->sum[0]);
    return PF_OK;
}

static pf_code totals(uint64_t *digest, pf_error *err)
{
    return pf_store_totals(&local->base, &everything, &op, note_total, digest, err);
}

static bool note_service(void *digest, pf_str name)
{
    note_bytes(digest, name.p, name.n);
    return true;
}

static pf_code services(uint64_t *digest, pf_error *err)
{
    return pf_store_services(&local->base, &op, note_service, digest, err);
}

static uint64_t must(reading read, const char *when, long n)
{
    pf_error err = {0};
    uint64_t digest = 0;
    if (read(&digest, &err))
        fail_msg("%s allocation %ld: %s", when, n, err.msg);
    assert_int_equal(pf_ledger_held(&budget), 0);
    return digest;
}

/* A merge's tables don't tell the allocator's no from the budget's. */
static bool says_so(const pf_error *err)
{
    return strstr(err->msg, "out of memory") || strstr(err->msg, "requests in flight is used up");
}

/* Each time with neither a connection nor tables there. */
static void fail_everywhere(reading read)
{
    const uint64_t expected = must(read, "before", 0);
    long n = 0, errors = 0;
    for (bool failed = true; failed; n++) {
        pf_error err = {0};
        uint64_t digest = 0;
        pf_conns_close_idle(&local->conns, NULL, INT64_MAX);
        alloc_fault_arm(n);
        pf_code code = read(&digest, &err);
        failed = alloc_fault_disarm();
        if (!code && digest != expected)
            fail_msg("allocation %ld: another answer", n);
        if (code && (!failed || !says_so(&err)))
            fail_msg("allocation %ld: %s", n, err.msg);
        errors += code != PF_OK;
        assert_int_equal(pf_ledger_held(&budget), 0);
        assert_true(must(read, "after", n) == expected);
    }
    print_message("%ld allocations, of which %ld are needed\n", n - 1, errors);
    assert_true(errors > 0);
}

#define READING(name)                                                                              \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        fail_everywhere(name);                                                                     \
    }
READING(read_one)
READING(read_large)
READING(merge_ids)
READING(merge_query)
READING(merge_profile)
READING(find)
READING(find_totals)
READING(totals)
READING(services)

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    alloc_fault_in_sqlite();
    pf_log_setup(PF_LOG_LEVEL_ERROR, PF_LOG_FORMAT_LOGFMT);
    const struct CMUnitTest tests[] = {
        CASE(read_one), CASE(read_large),  CASE(merge_ids), CASE(merge_query), CASE(merge_profile),
        CASE(find),     CASE(find_totals), CASE(totals),    CASE(services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
