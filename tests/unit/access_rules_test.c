/* Auth files: what they may say, what is refused and in which words, and that a cut one gives nobody more. */
#include "base/buf.h"
#include "base/hash.h"
#include "server/access/rules_yaml.h"
#include "support/alloc_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H1 "1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "2222222222222222222222222222222222222222222222222222222222222222"
#define H3 "3333333333333333333333333333333333333333333333333333333333333333"

static const char whole[] = "tokens:\n"
                            "  - name: shop-ci\n"
                            "    hash: \"" H1 "\"\n"
                            "    rights: [push]\n"
                            "    services: [\"shop\", \"shop-*\"]\n"
                            "    expires: 2027-01-01\n"
                            "  - name: ci by certificate\n"
                            "    subject: \"CN=ci,O=shop\"\n"
                            "    rights:\n"
                            "      - push\n"
                            "      - query\n"
                            "    services:\n"
                            "      - pay\n"
                            "      - 'pay-*'\n"
                            "  - {name: root, hash: " H2 ", rights: [admin]}\n"
                            "  - name: reader # the last one\n"
                            "    hash: " H3 "\n"
                            "    rights: [query]\n"
                            "    services: [shop]\n"
                            "    expires: 2027-06-01T12:00:00+02:00\n";

static const char login[] = "proxy_login:\n"
                            "  user_header: X-Forwarded-User\n"
                            "  services: [shop]\n"
                            "  rights: [query]\n";

static pf_rules *parse(const char *text)
{
    pf_rules *rules = NULL;
    pf_error err;
    if (pf_rules_parse(pf_str_c(text), "auth.yaml", NULL, &rules, &err))
        fail_msg("%s", err.msg);
    return rules;
}

static const pf_rule *named(const pf_rules *rules, const char *name)
{
    const pf_rule *rule = pf_rules_by_name(rules, pf_str_c(name));
    assert_non_null(rule);
    return rule;
}

static void test_a_file_is_read(void **state)
{
    (void)state;
    char text[2048];
    uint8_t digest[PF_DIGEST];
    snprintf(text, sizeof text, "%s%s", whole, login);
    pf_rules *rules = parse(text);
    assert_int_equal(rules->n, 4);
    const pf_rule *ci = named(rules, "shop-ci");
    assert_int_equal(ci->rights, PF_RIGHT_PUSH);
    assert_int_equal(ci->expires, INT64_C(1798761600000000000));
    assert_true(ci->limited);
    assert_true(pf_scope_has(&ci->scope, PF_STR("shop-web")));
    assert_false(pf_scope_has(&ci->scope, PF_STR("pay")));
    memset(digest, 0x11, sizeof digest);
    assert_ptr_equal(pf_rules_by_hash(rules, digest), ci);
    digest[PF_DIGEST - 1] = 0;
    assert_null(pf_rules_by_hash(rules, digest));
    const pf_rule *cert = pf_rules_by_subject(rules, PF_STR("CN=ci,O=shop"));
    assert_ptr_equal(cert, named(rules, "ci by certificate"));
    assert_int_equal(cert->rights, PF_RIGHT_PUSH | PF_RIGHT_QUERY);
    assert_int_equal(cert->expires, PF_EXPIRES_NEVER);
    assert_null(pf_rules_by_subject(rules, PF_STR("cn=ci,o=shop")));
    assert_null(pf_rules_by_subject(rules, PF_STR("")));
    assert_int_equal(named(rules, "root")->rights, PF_RIGHTS_ALL);
    assert_false(named(rules, "root")->limited);
    assert_int_equal(named(rules, "reader")->expires, INT64_C(1811844000000000000));
    assert_string_equal(rules->user_header, "X-Forwarded-User");
    assert_int_equal(rules->login->rights, PF_RIGHT_QUERY);
    assert_true(pf_scope_has(&rules->login->scope, PF_STR("shop")));
    assert_null(pf_rules_by_name(rules, PF_STR("nobody")));
    pf_rules_release(rules);
}

/* The example of docs/operations.md, with a whole hash. */
static void test_the_documented_file_is_one(void **state)
{
    (void)state;
    static char page[256 << 10], text[4096];
    FILE *f = fopen("docs/operations.md", "r");
    if (!f)
        fail_msg("run this from the project's root");
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    char *from = strstr(page, "```yaml\nend_mark"), *to = from ? strstr(from, "```\n\n") : NULL;
    char *hash = from ? strstr(from, "0f3c…") : NULL;
    assert_true(to && hash && hash < to);
    from += strlen("```yaml\n");
    snprintf(text, sizeof text, "%.*s%s%.*s", (int)(hash - from), from, H1,
             (int)(to - hash - (ptrdiff_t)strlen("0f3c…")), hash + strlen("0f3c…"));
    pf_rules *rules = parse(text);
    assert_int_equal(rules->n, 2);
    assert_non_null(rules->login);
    pf_rules_release(rules);
}

/* As most will have it: nothing behind `rights`. */
static void test_proxy_login_alone_is_enough(void **state)
{
    (void)state;
    pf_rules *rules = parse("proxy_login: # optional\n  user_header: X-User\n  rights: [query]\n");
    assert_int_equal(rules->n, 0);
    assert_false(rules->login->limited);
    pf_rules_release(rules);
    rules = parse("proxy_login: {user_header: X-User, rights: [query]}\ntokens: []\n");
    pf_rules_release(rules);
}

#define TOKEN "tokens:\n- name: a\n  hash: " H1 "\n  rights: [push]\n"

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } table[] = {
        {"", "f: the file is empty"},
        {"tokens: []", "f: the last line has no end: the file was cut"},
        {"\n", "f:1: the file holds no token"},
        {"# a comment\n", "f:1: the file holds no token"},
        {"tokens: []\n", "f:1: the file holds no token"},
        {"{}\n", "f:1: the file holds no token"},
        {"tokens:\n", "f:1: \"tokens\" must be a list"},
        {"pf_thesecretofsomebodywhomistook\n", "f:1: the file must be a mapping (key: value)"},
        {"- a\n", "f:1: the file must be a mapping (key: value)"},
        {"tokens: [\n", "f:2: it is no YAML: did not find expected node content"},
        {"tokens:\n\t- a\n", "f:2: it is no YAML: found character that cannot start any token"},
        {"token: []\n",
         "f:1: unknown key \"token\" in the file: there are end_mark, tokens, proxy_login"},
        {"tokens: []\ntokens: []\n", "f:2: \"tokens\" stands twice in the file"},
        {"tokens:\n- a\n", "f:2: a token must be a mapping (key: value)"},
        {"tokens:\n- name: a\n  name: b\n", "f:3: \"name\" stands twice in a token"},
        {"tokens:\n- name: [a]\n", "f:2: \"name\" must be a text"},
        {"tokens:\n- name:\n", "f:2: a name must not be empty"},
        {"tokens:\n- name: \"a\\nb\"\n", "f:2: a name must not hold control characters"},
        {"tokens:\n- hash: " H1 "\n", "f:2: a token has no \"name\""},
        {"tokens:\n- name: a\n", "f:2: token \"a\" has neither \"hash\" nor \"subject\""},
        {"tokens:\n- name: a\n  hash: " H1 "\n", "f:2: token \"a\" has no \"rights\""},
        {TOKEN "  subject: CN=a\n", "f:2: token \"a\" has both \"hash\" and \"subject\": make two"},
        {"tokens:\n- name: a\n  hash: pf_secret\n",
         "f:3: \"hash\" must be 64 hex digits, as profefe -auth.hash prints them"},
        {"tokens:\n- name: a\n  hash: "
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
         "f:3: \"hash\" is that of an empty secret"},
        {"tokens:\n- name: a\n  hash: " H1 "\n  rights: push\n", "f:4: \"rights\" must be a list"},
        {"tokens:\n- name: a\n  hash: " H1 "\n  rights: []\n",
         "f:4: \"rights\" is empty: there are push, query, write, delete, admin"},
        {"tokens:\n- name: a\n  hash: " H1 "\n  rights: [push, puhs]\n",
         "f:4: unknown right \"puhs\": there are push, query, write, delete, admin"},
        {TOKEN "  services: shop\n", "f:5: \"services\" must be a list"},
        {TOKEN "  services:\n", "f:5: \"services\" must be a list"},
        {TOKEN "  services: []\n",
         "f:5: \"services\" is empty: leave the key out for all services"},
        {TOKEN "  services: ['']\n",
         "f:5: a service must be 1 to 255 bytes of UTF-8 without control characters"},
        {TOKEN "  services: [shop, *]\n",
         "f:5: it is no YAML: did not find expected alphabetic or numeric character"},
        {TOKEN "  services: [*shop]\n",
         "f:5: aliases (*) are not supported: write patterns in quotes"},
        {TOKEN "  services: [&x shop]\n", "f:5: anchors (&) are not supported"},
        {TOKEN "  services: !!set [shop]\n", "f:5: tags (!) are not supported"},
        {TOKEN "  services: [shop\n   web]\n", "f:5: a service must stand on one line"},
        {TOKEN "  services:\n  - |\n   shop\n", "f:6: a service must stand on one line"},
        {TOKEN "  expires: tomorrow\n",
         "f:5: \"expires\" must be a date (2027-01-01), an RFC 3339 time or never"},
        {TOKEN "  expires: \"2027-01-01T00:00:00Z\\0junk\"\n",
         "f:5: \"expires\" must be a date (2027-01-01), an RFC 3339 time or never"},
        {TOKEN "  expires: 1798761600\n",
         "f:5: \"expires\" must be a date (2027-01-01), an RFC 3339 time or never"},
        {TOKEN "  expires: 2027-02-30\n", "f:5: \"expires: 2027-02-30\": no such date"},
        {TOKEN "  expires: 2027-01-01T25:00:00Z\n",
         "f:5: \"expires: 2027-01-01T25:00:00Z\": no such date or time"},
        {TOKEN "- name: a\n  hash: " H2 "\n  rights: [push]\n",
         "f:5: token \"a\" has the name of \"a\" in line 2"},
        {TOKEN "- name: b\n  hash: " H1 "\n  rights: [push]\n",
         "f:5: token \"b\" has the hash of \"a\" in line 2"},
        {TOKEN "- {name: b, subject: CN=x, rights: [push]}\n- {name: c, subject: CN=x, rights: "
               "[push]}\n",
         "f:6: token \"c\" has the subject of \"b\" in line 5"},
        {TOKEN "---\n" TOKEN, "f:5: a second document begins here: there must be one"},
        {"%YAML 1.1\n---\n" TOKEN, "f:1: directives (%) are not supported"},
        {"proxy_login:\n  rights: [query]\n", "f:2: proxy_login has no \"user_header\""},
        {"proxy_login:\n  user_header: X-User\n", "f:2: proxy_login has no \"rights\""},
        {"proxy_login:\n  user_header: X User\n",
         "f:2: \"user_header\" must be the name of a header, such as X-Forwarded-User"},
        {"proxy_login:\n  user_header: X\n  rights: [query]\n  services: [shop]\n",
         "f:4: \"services\" must come before \"rights\" in proxy_login: else a cut file would let "
         "its users see all services"},
        {TOKEN "end_mark: true\n", "f:5: \"end_mark\" must be the first key of the file"},
        {"end_mark: false\n", "f:1: \"end_mark\" must be true; leave it out otherwise"},
        {"end_mark: true\n" TOKEN,
         "f:6: the file says end_mark, and doesn't end with the line \"...\": it was cut"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pf_rules *rules = NULL;
        pf_error err = {0};
        pf_code code = pf_rules_parse(pf_str_c(table[i].text), "f", NULL, &rules, &err);
        if (code != PF_INVALID || strcmp(err.msg, table[i].error) != 0)
            fail_msg("of\n%s\n  \"%s\"\nnot \"%s\"", table[i].text, code ? err.msg : "no error",
                     table[i].error);
        assert_string_equal(err.param, "auth.file");
        assert_null(rules);
    }
}

/* Long texts in the wrong place may be secrets: no error quotes them. */
static void test_errors_hold_no_secret(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "pf_0123456789abcdefghijklmnopqrstuv\n",
        "pf_0123456789abcdefghijklmnopqrstuv: x\n",
        "tokens:\n- pf_0123456789abcdefghijklmnopqrstuv\n",
        "tokens:\n- name: a\n  hash: pf_0123456789abcdefghijklmnopqrstuv\n",
        "tokens:\n- name: a\n  pf_0123456789abcdefghijklmnopqrstuv: x\n",
        "tokens:\n- name: a\n  hash: " H1 "\n  rights: [pf_0123456789abcdefghijklmnopqrstuv]\n",
        TOKEN "  expires: pf_0123456789abcdefghijklmnopqrstuv\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pf_rules *rules = NULL;
        pf_error err = {0};
        assert_int_equal(pf_rules_parse(pf_str_c(texts[i]), "f", NULL, &rules, &err), PF_INVALID);
        assert_null(strstr(err.msg, "pf_0123"));
    }
}

/* ---- Cut files */

static bool no_more(const pf_rule *cut, const pf_rule *full)
{
    if ((cut->rights & ~full->rights) || cut->expires > full->expires)
        return false;
    if (!full->limited)
        return true;
    for (size_t i = 0; i < cut->scope.n; i++) {
        bool there = false;
        for (size_t j = 0; j < full->scope.n; j++)
            there |= pf_str_eq(cut->scope.patterns[i], full->scope.patterns[j]);
        if (!there)
            return false;
    }
    return cut->limited;
}

/* The rules of each prefix of the text, or that it is refused. Returns how many were taken. */
static size_t cut_everywhere(const char *text, const char *in_force_text)
{
    size_t taken = 0;
    pf_rules *full = parse(text), *in_force = in_force_text ? parse(in_force_text) : NULL;
    for (size_t n = 0; n < strlen(text); n++) {
        pf_rules *rules = NULL;
        pf_error err;
        if (pf_rules_parse((pf_str){text, n}, "f", in_force, &rules, &err))
            continue;
        taken++;
        for (size_t i = 0; i < rules->n; i++) {
            const pf_rule *rule = &rules->tokens[i];
            const pf_rule *same = rule->has_hash ? pf_rules_by_hash(full, rule->hash)
                                                 : pf_rules_by_subject(full, rule->subject);
            if (!same || !no_more(rule, same))
                fail_msg("cut at %zu, \"%.*s\" has more than in the whole", n, PF_FMT(rule->name));
        }
        if (rules->login)
            assert_true(full->login && no_more(rules->login, full->login));
        pf_rules_release(rules);
    }
    pf_rules_release(full);
    pf_rules_release(in_force);
    return taken;
}

static void test_a_cut_file_gives_nobody_more(void **state)
{
    (void)state;
    char text[2048];
    snprintf(text, sizeof text, "%s%s", whole, login);
    assert_true(cut_everywhere(whole, whole) > 0);
    assert_true(cut_everywhere(text, text) > 0);
    snprintf(text, sizeof text, "%s%s", login, whole);
    assert_true(cut_everywhere(text, text) > 0);
    snprintf(text, sizeof text, "%s...\n", whole);
    assert_true(cut_everywhere(text, whole) > 0);
}

/* Whatever is in force, and nothing at the start. */
static void test_a_file_with_an_end_mark_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    char text[2048];
    snprintf(text, sizeof text, "end_mark: true\n%s%s...\n", whole, login);
    assert_int_equal(cut_everywhere(text, NULL), 0);
    assert_int_equal(cut_everywhere(text, whole), 0);
    snprintf(text, sizeof text, "# ours\nend_mark: true\n%s...\n", whole);
    assert_int_equal(cut_everywhere(text, NULL), 0);
}

static void test_the_last_token_loses_limits_only_when_that_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } table[] = {
        {TOKEN "  services: ['*']\n  expires: never\n", NULL},
        {TOKEN "...\n", NULL},
        {TOKEN "- {name: b, hash: " H2 ", rights: [push]}\n", NULL},
        {TOKEN "proxy_login: {user_header: X, rights: [query]}\n", NULL},
        {"tokens:\n- {name: z, hash: " H3 ", rights: [push]}\n", NULL},
        {TOKEN "  expires: 2030-01-01\n",
         "f:2: the last token, \"a\", no longer says its services: so looks a file that was cut. "
         "If "
         "it is meant, write services: [\"*\"], or end the file with the line \"...\""},
        {TOKEN "  services: [shop]\n",
         "f:2: the last token, \"a\", no longer says when it expires: so looks a file that was "
         "cut. "
         "If it is meant, write expires: never, or end the file with the line \"...\""},
        {"tokens:\n- {name: renamed, hash: " H1 ", rights: [push]}\n",
         "f:2: the last token, \"renamed\", no longer says its services: so looks a file that was "
         "cut. If it is meant, write services: [\"*\"], or end the file with the line \"...\""},
    };
    pf_rules *in_force = parse(TOKEN "  services: [shop]\n  expires: 2030-01-01\n");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pf_rules *rules = NULL;
        pf_error err = {0};
        pf_code code = pf_rules_parse(pf_str_c(table[i].text), "f", in_force, &rules, &err);
        if (!code != !table[i].error || (code && strcmp(err.msg, table[i].error) != 0))
            fail_msg("of\n%s\n  \"%s\"", table[i].text, code ? err.msg : "no error");
        pf_rules_release(rules);
    }
    pf_rules_release(in_force);
}

/* ---- Limits, failures, many */

static void test_limits(void **state)
{
    (void)state;
    pf_rules *rules = NULL;
    pf_error err;
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, TOKEN "  services: [a");
    for (int i = 0; i < PF_TOKEN_PATTERNS_MAX; i++)
        pf_buf_puts(&b, ", a");
    pf_buf_puts(&b, "]\n");
    assert_int_equal(pf_rules_parse(pf_buf_str(&b), "f", NULL, &rules, &err), PF_INVALID);
    assert_string_equal(err.msg, "f:5: there are more than 256 services");
    pf_buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        pf_buf_puts(&b, "[");
    pf_buf_puts(&b, "\n");
    assert_int_equal(pf_rules_parse(pf_buf_str(&b), "f", NULL, &rules, &err), PF_INVALID);
    pf_buf_clear(&b);
    pf_buf_puts(&b, "tokens:\n- name: ");
    for (int i = 0; i <= PF_TOKEN_NAME_MAX; i++)
        pf_buf_puts(&b, "n");
    pf_buf_puts(&b, "\n");
    assert_int_equal(pf_rules_parse(pf_buf_str(&b), "f", NULL, &rules, &err), PF_INVALID);
    assert_string_equal(err.msg, "f:2: a name of 129 bytes is over the limit of 128");
    pf_buf_free(&b);
}

static void test_ten_thousand_tokens_are_each_found(void **state)
{
    (void)state;
    enum { N = 10000 };
    pf_buf b = PF_BUF_INIT;
    pf_buf_puts(&b, "tokens:\n");
    for (int i = 0; i < N; i++) {
        pf_hash h = pf_hash_fixed((pf_str){(const char *)&i, sizeof i});
        pf_buf_printf(&b, "- name: t%d\n  hash: %016llx%048d\n  rights: [push]\n", i,
                      (unsigned long long)h.lo, i);
    }
    pf_buf_putc(&b, 0);
    pf_rules *rules = parse(b.data);
    assert_int_equal(rules->n, N);
    assert_true(rules->nslots >= 2 * N);
    for (int i = 0; i < N; i++) {
        char name[16];
        size_t at = 0;
        snprintf(name, sizeof name, "t%d", i);
        const pf_rule *rule = named(rules, name);
        assert_ptr_equal(pf_rules_by_hash(rules, rule->hash), rule);
        assert_ptr_equal(pf_rules_by_prefix(rules, pf_rule_prefix(rule), &at), rule);
    }
    pf_rules_release(rules);
    pf_buf_free(&b);
}

/* Two whose hashes begin with the same 8 bytes are told apart, and both found by them. */
static void test_hashes_with_a_common_beginning(void **state)
{
    (void)state;
    pf_rules *rules = parse("tokens:\n"
                            "- {name: a, hash: 1111111111111111"
                            "111111111111111111111111111111111111111111111111, rights: [push]}\n"
                            "- {name: b, hash: 1111111111111111"
                            "222222222222222222222222222222222222222222222222, rights: [push]}\n");
    const pf_rule *a = named(rules, "a"), *b = named(rules, "b");
    size_t at = 0;
    assert_ptr_equal(pf_rules_by_hash(rules, a->hash), a);
    assert_ptr_equal(pf_rules_by_hash(rules, b->hash), b);
    assert_ptr_equal(pf_rules_by_prefix(rules, pf_rule_prefix(a), &at), a);
    assert_ptr_equal(pf_rules_by_prefix(rules, pf_rule_prefix(a), &at), b);
    assert_null(pf_rules_by_prefix(rules, pf_rule_prefix(a), &at));
    pf_rules_release(rules);
}

static void test_allocations_may_fail(void **state)
{
    (void)state;
    bool failed = true;
    long n = 0;
    for (; failed; n++) {
        pf_rules *rules = NULL;
        pf_error err;
        alloc_fault_arm(n);
        pf_code code = pf_rules_parse(pf_str_c(whole), "f", NULL, &rules, &err);
        failed = alloc_fault_disarm();
        assert_int_equal(code, failed ? PF_INTERNAL : PF_OK);
        pf_rules_release(rules);
    }
    assert_true(n > 4);
}

/* ---- Replacing */

static void test_what_a_new_file_takes_away_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *fresh;
        bool revoked;
    } table[] = {
        {TOKEN "  services: [shop]\n", false},
        {TOKEN "  services: [shop]\n- {name: b, hash: " H2 ", rights: [push]}\n", false},
        {TOKEN "  services: [shop]\n  expires: 2031-01-01\n", false},
        {TOKEN "  services: [shop, pay]\n", true},
        {TOKEN "  services: [pay]\n", true},
        {TOKEN, true},
        {"tokens:\n- {name: a, hash: " H2 ", rights: [push], services: [shop]}\n", true},
        {"tokens:\n- {name: a, hash: " H1 ", rights: [push, query], services: [shop]}\n", true},
        {"tokens:\n- {name: a, subject: CN=a, rights: [push], services: [shop]}\n", true},
        {"tokens:\n- {name: b, hash: " H1 ", rights: [push], services: [shop]}\n", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pf_rules *old = parse(TOKEN "  services: [shop]\n"), *fresh = parse(table[i].fresh);
        pf_rules_replace(old, fresh);
        if (named(old, "a")->revoked != table[i].revoked)
            fail_msg("%s", table[i].fresh);
        if (!table[i].revoked)
            assert_int_equal(named(old, "a")->expires, named(fresh, "a")->expires);
        pf_rules_release(old);
        pf_rules_release(fresh);
    }
}

static void test_a_login_that_changes_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *fresh;
        bool revoked;
    } table[] = {
        {"proxy_login: {user_header: x-user, rights: [query]}\n", false},
        {"proxy_login: {user_header: X-Other, rights: [query]}\n", true},
        {"proxy_login: {user_header: X-User, rights: [push]}\n", true},
        {"proxy_login: {user_header: X-User, services: [a], rights: [query]}\n", true},
        {TOKEN, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pf_rules *old = parse("proxy_login: {user_header: X-User, rights: [query]}\n");
        pf_rules *fresh = parse(table[i].fresh);
        pf_rules_replace(old, fresh);
        assert_int_equal(old->login->revoked, table[i].revoked);
        pf_rules_release(old);
        pf_rules_release(fresh);
    }
}

static void test_what_expires_is_marked(void **state)
{
    (void)state;
    pf_rules *rules =
        parse(TOKEN "  expires: 2027-01-01\n- {name: b, hash: " H2 ", rights: [push]}\n");
    int64_t end = INT64_C(1798761600000000000);
    pf_rules_expire(rules, end - 1, false);
    assert_false(named(rules, "a")->revoked);
    pf_rules_expire(rules, end, false);
    assert_true(named(rules, "a")->revoked);
    assert_false(named(rules, "b")->revoked);
    pf_rules_expire(rules, end - 1, false);
    assert_true(named(rules, "a")->revoked);
    pf_rules_expire(rules, end - 1, true);
    assert_false(named(rules, "a")->revoked);
    pf_rules_release(rules);
}

static void test_rights_have_names(void **state)
{
    (void)state;
    pf_right right;
    for (unsigned bit = 1; bit <= PF_RIGHT_ADMIN; bit *= 2) {
        assert_true(pf_right_parse(pf_str_c(pf_right_name((pf_right)bit)), &right));
        assert_int_equal(right, bit);
    }
    assert_false(pf_right_parse(PF_STR("Push"), &right));
    pf_principal reader = {.rights = PF_RIGHT_QUERY}, anybody = PF_PRINCIPAL_ANYBODY;
    assert_true(pf_principal_may(&reader, PF_RIGHT_QUERY));
    assert_false(pf_principal_may(&reader, PF_RIGHT_PUSH));
    assert_true(pf_principal_may(&anybody, PF_RIGHT_ADMIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_read),
        cmocka_unit_test(test_the_documented_file_is_one),
        cmocka_unit_test(test_proxy_login_alone_is_enough),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(test_errors_hold_no_secret),
        cmocka_unit_test(test_a_cut_file_gives_nobody_more),
        cmocka_unit_test(test_a_file_with_an_end_mark_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_the_last_token_loses_limits_only_when_that_is_said),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ten_thousand_tokens_are_each_found),
        cmocka_unit_test(test_hashes_with_a_common_beginning),
        cmocka_unit_test(test_allocations_may_fail),
        cmocka_unit_test(test_what_a_new_file_takes_away_is_marked),
        cmocka_unit_test(test_a_login_that_changes_is_marked),
        cmocka_unit_test(test_what_expires_is_marked),
        cmocka_unit_test(test_rights_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
