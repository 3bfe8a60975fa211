/* What a listing remembers of series, counted: that many partitions number theirs alike must not slow it. */
#include "storage/local/finder.h"

#include "storage/local/store.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY (24 * 3600 * PF_NS_PER_SEC)
enum { DAYS = 14, SERIES = 64 };

static atomic_llong now;

static int64_t read_now(void *ctx)
{
    (void)ctx;
    return atomic_load(&now);
}

static const pf_clock moved = {read_now, read_now, NULL};

static pf_store *fill(char *dir)
{
    pf_store *store = NULL;
    pf_error err;
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = dir;
    cfg.min_free = 0;
    cfg.clock = &moved;
    atomic_store(&now, 20000 * DAY);
    if (pf_local_open(&cfg, &store, &err))
        fail_msg("open: %s", err.msg);
    for (int day = 0; day < DAYS; day++) {
        for (int i = 0; i < SERIES; i++) {
            char labels[32];
            snprintf(labels, sizeof labels, "host=h%d", i);
            if (fx_write(store, "app", PF_TYPE_CPU, labels, read_now(NULL), "x", NULL, &err))
                fail_msg("write: %s", err.msg);
        }
        atomic_fetch_add(&now, DAY);
    }
    return store;
}

static void series_of_many_partitions_are_found_at_once(void **state)
{
    (void)state;
    char *dir = fx_make_dir();
    pf_local *l = (pf_local *)fill(dir);
    pf_query q = {.service = PF_STR("app"), .type = PF_TYPE_CPU, .to = INT64_MAX};
    pf_finder f;
    pf_error err;
    assert_int_equal(pf_finder_init(&f, &l->set, &l->conns, &q, NULL, &err), PF_OK);
    assert_int_equal(f.npartitions, DAYS);
    pf_find_from from = {.created_at = 0};
    assert_int_equal(pf_finder_page(&f, from, DAYS * SERIES, false, true, &err), PF_OK);
    assert_int_equal(f.entries.n, DAYS * SERIES);
    assert_int_equal(f.nknown, DAYS * SERIES);
    if (f.numbers.probes > 10 * f.nknown)
        fail_msg("%llu slots looked at for %zu series", (unsigned long long)f.numbers.probes,
                 f.nknown);
    pf_finder_free(&f);
    pf_store_close(&l->base);
    fx_remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_of_many_partitions_are_found_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
