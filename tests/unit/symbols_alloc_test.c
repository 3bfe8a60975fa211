/* What is worked out of a profile when memory runs out, at each allocation in turn: all of it or an error. */
#include "storage/local/symbols/content_hash.h"
#include "support/alloc_fault.h"
#include "support/symbols_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static pf_hash_key key;

static bool same_hashes(const pf_hash *a, const pf_hash *b, size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static bool same(const pf_profile *p, const pf_content *a, const pf_content *b)
{
    return pf_hash_eq(a->header, b->header) && pf_hash_eq(a->maps, b->maps) &&
           same_hashes(a->string, b->string, p->nstring) &&
           same_hashes(a->mapping, b->mapping, p->nmapping) &&
           same_hashes(a->function, b->function, p->nfunction) &&
           same_hashes(a->location, b->location, p->nlocation) &&
           same_hashes(a->stack, b->stack, p->nsample) &&
           same_hashes(a->labels, b->labels, p->nsample);
}

/* A header's hash of half a header would be that of others' halves, and a profile get one of theirs. */
static void test_a_hash_is_of_the_whole_content(void **state)
{
    (void)state;
    pf_arena a;
    pf_error err;
    pf_content whole, c;
    long n = 0;
    pf_arena_init(&a, NULL, 0);
    pf_profile p = pf_test_profile(1, &a);
    assert_true(p.nmapping > 0);
    assert_int_equal(pf_content_of(&p, &key, &a, &whole, &err), PF_OK);
    for (bool failed = true; failed; n++) {
        pf_arena scratch;
        pf_arena_init(&scratch, NULL, 0);
        alloc_fault_arm(n);
        pf_code code = pf_content_of(&p, &key, &scratch, &c, &err);
        failed = alloc_fault_disarm();
        assert_int_equal(code, failed ? PF_INTERNAL : PF_OK);
        if (!code)
            assert_true(same(&p, &whole, &c));
        pf_arena_free(&scratch);
    }
    assert_true(n > 2);
    pf_arena_free(&a);
}

int main(void)
{
    pf_hash_key_from(&key, "alloc", 5);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_hash_is_of_the_whole_content)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
