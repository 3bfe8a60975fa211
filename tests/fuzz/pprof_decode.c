/* Any bytes, as they are or inflated: what decodes must hold together, come back equal from encoding,
 * and merge with itself. */
#include "pprof/gzip.h"
#include "pprof/merge.h"
#include "support/profile_eq.h"

#include <stdlib.h>

enum { MAX_INFLATED = 1 << 20, MAX_MEMORY = 64 << 20 };

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void merge_with_itself(const pf_profile *p)
{
    pf_merge *m = pf_merge_new(NULL, MAX_MEMORY);
    pf_profile result;
    check(m != NULL);
    bool added = pf_merge_add(m, p, NULL) == PF_OK && pf_merge_add(m, p, NULL) == PF_OK;
    if (added && pf_merge_finish(m, &result, NULL) == PF_OK)
        pf_test_check_references(&result);
    pf_merge_free(m);
}

static void round_trip(const pf_profile *p)
{
    pf_buf out = PF_BUF_INIT;
    pf_arena a;
    pf_profile again;
    check(pf_profile_encode(p, &out, NULL) == PF_OK);
    pf_arena_init(&a, NULL, 0);
    check(pf_profile_decode(&again, &a, pf_buf_str(&out), NULL) == PF_OK);
    again.has_unknown_fields = p->has_unknown_fields; /* those are not written */
    check(pf_test_same_exactly(p, &again));
    pf_arena_free(&a);
    pf_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_arena a;
    pf_str bytes = {(const char *)data, size};
    pf_profile p;
    pf_error err;
    pf_arena_init(&a, NULL, MAX_MEMORY);
    pf_code code = PF_OK;
    if (pf_is_gzip(bytes))
        code = pf_gunzip(bytes, MAX_INFLATED, &a, &bytes, &err);
    if (!code)
        code = pf_profile_decode(&p, &a, bytes, &err);
    check(code == PF_OK || ((code == PF_INVALID || code == PF_TOO_LARGE) && err.msg[0]));
    if (!code) {
        pf_test_check_references(&p);
        round_trip(&p);
        merge_with_itself(&p);
    }
    pf_arena_free(&a);
    return 0;
}
