/* What clients send to be known: the first line is an Authorization header, the second one a Cookie header. Nobody is
 * known by them but by the one secret, or by a session that it has signed; errors never quote them. */
#include "server/access/auth.h"
#include "server/access/bearer.h"
#include "server/access/rules_yaml.h"
#include "server/access/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "pf_fuzz_0123456789"

static void check(bool ok)
{
    if (!ok)
        abort();
}

static pf_rules *rules_of_one(void)
{
    char hex[PF_SECRET_HEX + 1], text[256];
    pf_rules *rules;
    check(pf_secret_hash(PF_STR(SECRET), hex, NULL) == PF_OK);
    snprintf(text, sizeof text, "tokens: [{name: a, hash: %s, rights: [push]}]\n", hex);
    check(pf_rules_parse(pf_str_c(text), "f", NULL, &rules, NULL) == PF_OK);
    return rules;
}

static void check_authorization(pf_str header)
{
    char buf[PF_BEARER_BUF];
    pf_str secret;
    pf_error err;
    pf_code code = pf_bearer_read(header, buf, &secret, &err);
    if (code) {
        check(code == PF_UNAUTHENTICATED && strncmp(err.msg, "bad Authorization: ", 19) == 0);
        return;
    }
    check(secret.n && secret.n <= PF_BEARER_MAX);
    volatile char sum = 0; /* all of it can be read */
    for (size_t i = 0; i < secret.n; i++)
        sum = (char)(sum + secret.p[i]);
}

/* A signature is only ever that of what the rule signs anew. */
static void check_session(const pf_rule *rule, pf_str value)
{
    pf_session s;
    char right[PF_SESSION_MAX];
    if (!pf_session_read(value, &s))
        return;
    check(s.statement.n < value.n);
    bool ours;
    check(pf_session_check(&s, rule, &ours));
    check(pf_session_sign(rule, s.expires, right));
    check(!ours || s.prefix == pf_rule_prefix(rule));
    check(!pf_str_eq(value, pf_str_c(right)) || ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pf_rules *rules;
    if (!rules)
        rules = rules_of_one();
    char *own = malloc(size ? size : 1); /* its end is seen by the sanitizer */
    check(own);
    memcpy(own, data, size);
    pf_str authorization, cookie, value;
    pf_str_cut((pf_str){own, size}, '\n', &authorization, &cookie);
    check_authorization(authorization);
    for (size_t left = cookie.n + 1; pf_session_next(&cookie, &value); left = cookie.n + 1) {
        check(cookie.n < left);
        check_session(&rules->tokens[0], value);
    }
    free(own);
    return 0;
}
