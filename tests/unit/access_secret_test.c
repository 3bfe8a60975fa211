/* Secrets: what they are made of, how they are hashed, and what the program's two flags print. */
#include "server/access/secret.h"

#include "cmd/secrets.h"
#include "server/access/rules_yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* printf '0123456789abcdef' | sha256sum */
#define SIXTEEN "0123456789abcdef"
#define SIXTEEN_HASH "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"

static void test_a_new_secret_is_new(void **state)
{
    (void)state;
    char a[PF_SECRET_CHARS + 1], b[PF_SECRET_CHARS + 1];
    unsigned seen[256] = {0}, different = 0;
    for (int i = 0; i < 200; i++) {
        pf_secret_new(a);
        pf_secret_new(b);
        assert_int_equal(strlen(a), PF_SECRET_CHARS);
        assert_memory_equal(a, "pf_", 3);
        assert_int_equal(strspn(a + 3, "0123456789abcdefghijklmnopqrstuv"), PF_SECRET_CHARS - 3);
        assert_string_not_equal(a, b);
        for (const char *p = a + 3; *p; p++)
            seen[(unsigned char)*p]++;
    }
    for (size_t i = 0; i < 256; i++)
        different += seen[i] != 0;
    assert_int_equal(different, 32);
}

static void test_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        bool ok;
    } table[] = {
        {SIXTEEN, true},
        {SIXTEEN "\n", true},
        {SIXTEEN "\r\n", true},
        {"0123456789abcde", false},
        {"0123456789abcde\n", false},
        {"", false},
        {"\n", false},
        {"\r\n", false},
        {SIXTEEN "\n\n", false},
        {SIXTEEN " ", false},
        {" " SIXTEEN, false},
        {SIXTEEN "\t1", false},
        {SIXTEEN "\r", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char hex[PF_SECRET_HEX + 1] = "";
        pf_error err;
        pf_code code = pf_secret_hash(pf_str_c(table[i].secret), hex, &err);
        if (!code != table[i].ok)
            fail_msg("\"%s\"", table[i].secret);
        if (!code)
            assert_string_equal(hex, SIXTEEN_HASH);
        else
            assert_null(strstr(err.msg, "0123"));
    }
    char *longest = malloc(PF_SECRET_MAX + 1), hex[PF_SECRET_HEX + 1];
    assert_non_null(longest);
    memset(longest, 'x', PF_SECRET_MAX + 1);
    assert_int_equal(pf_secret_hash((pf_str){longest, PF_SECRET_MAX}, hex, NULL), PF_OK);
    assert_int_equal(pf_secret_hash((pf_str){longest, PF_SECRET_MAX + 1}, hex, NULL), PF_INVALID);
    free(longest);
}

/* What a flag printed. */
typedef struct printed {
    char out[512], err[1024];
    int status;
} printed;

static printed run_hash(const char *in_text, size_t n)
{
    printed p = {0};
    FILE *in = n ? fmemopen((void *)in_text, n, "r") : fopen("/dev/null", "r");
    FILE *out = fmemopen(p.out, sizeof p.out, "w"), *err = fmemopen(p.err, sizeof p.err, "w");
    p.status = pf_secrets_hash(in, out, err);
    fclose(in);
    fclose(out);
    fclose(err);
    return p;
}

static void test_auth_hash(void **state)
{
    (void)state;
    printed p = run_hash(SIXTEEN "\n", 17);
    assert_int_equal(p.status, 0);
    assert_string_equal(p.out, SIXTEEN_HASH "\n");
    assert_string_equal(p.err, "");
    p = run_hash("short\n", 6);
    assert_int_equal(p.status, 2);
    assert_string_equal(p.out, "");
    assert_string_equal(p.err,
                        "profefe: -auth.hash: a secret of 5 bytes is too short: at least 16\n");
    assert_int_equal(run_hash("", 0).status, 2);
    char *long_text = malloc(10000);
    memset(long_text, 'x', 10000);
    p = run_hash(long_text, 10000);
    assert_int_equal(p.status, 2);
    assert_string_equal(p.err, "profefe: -auth.hash: the secret is too long: at most 4096 bytes\n");
    long_text[PF_SECRET_MAX] = '\r';
    long_text[PF_SECRET_MAX + 1] = '\n';
    assert_int_equal(run_hash(long_text, PF_SECRET_MAX + 2).status, 0);
    free(long_text);
}

static printed run_new(const char *name)
{
    printed p = {0};
    FILE *out = fmemopen(p.out, sizeof p.out, "w"), *err = fmemopen(p.err, sizeof p.err, "w");
    p.status = pf_secrets_new(name, out, err);
    fclose(out);
    fclose(err);
    return p;
}

/* The entry is what an auth file takes, and its hash that of the secret. */
static void test_auth_new(void **state)
{
    (void)state;
    static const char *const names[] = {"shop-ci", "a \"quoted\" \\ name: [x] # y", "größe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        printed p = run_new(names[i]);
        char file[2048];
        pf_rules *rules;
        pf_error err;
        char hex[PF_SECRET_HEX + 1];
        assert_int_equal(p.status, 0);
        assert_int_equal(strlen(p.out), PF_SECRET_CHARS + 1);
        assert_int_equal(p.out[PF_SECRET_CHARS], '\n');
        p.out[PF_SECRET_CHARS] = 0;
        assert_null(strstr(p.err, p.out));
        assert_int_equal(pf_secret_hash(pf_str_c(p.out), hex, &err), PF_OK);
        assert_non_null(strstr(p.err, hex));
        snprintf(file, sizeof file, "tokens:\n%s", p.err);
        if (pf_rules_parse(pf_str_c(file), "f", NULL, &rules, &err))
            fail_msg("%s", err.msg);
        assert_int_equal(rules->n, 1);
        assert_true(pf_str_eq(rules->tokens[0].name, pf_str_c(names[i])));
        pf_rules_release(rules);
    }
    printed p = run_new("");
    assert_int_equal(p.status, 2);
    assert_string_equal(p.out, "");
    assert_string_equal(p.err, "profefe: -auth.new: a name must not be empty\n");
    assert_int_equal(run_new("a\nb").status, 2);
}

static void test_a_full_disk_is_said(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w"), *null = fopen("/dev/null", "w");
    FILE *in = fmemopen(SIXTEEN, 16, "r");
    if (!full)
        skip();
    assert_int_equal(pf_secrets_hash(in, full, null), 1);
    assert_int_equal(pf_secrets_new("a", full, null), 1);
    fclose(in);
    fclose(full);
    fclose(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_secret_is_new), cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_auth_hash),           cmocka_unit_test(test_auth_new),
        cmocka_unit_test(test_a_full_disk_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
