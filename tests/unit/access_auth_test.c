/* Whom a request belongs to: each kind of credentials, their order, and sessions. */
#include "server/access/bearer.h"
#include "support/access_world.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *basic(const char *user_and_password)
{
    static char out[8192];
    memcpy(out, "Basic ", 6);
    EVP_EncodeBlock((unsigned char *)out + 6, (const unsigned char *)user_and_password,
                    (int)strlen(user_and_password));
    return out;
}

/* ---- Authorization */

static void test_bearer_and_basic(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    assert_string_equal(access_by(w, "bEARER   " CI " "), "ci");
    assert_string_equal(access_by(w, basic("me:" CI)), "ci");
    assert_string_equal(access_by(w, basic(":" CI)), "ci");
    assert_string_equal(access_by(w, "Bearer " ROOT), "root");
    assert_string_equal(access_by(w, "Bearer pf_nobody"), "(wrong token; wrong)");
    assert_string_equal(access_by(w, "Bearer " CI "x"), "(wrong token; wrong)");
    assert_string_equal(access_by(w, basic("me:pf_nobody")), "(wrong token; wrong)");
    assert_string_equal(access_by(w, basic(CI ":")),
                        "(bad Authorization: the token is empty; wrong)");
    assert_string_equal(access_by(w, "Bearer"), "(bad Authorization: the token is empty; wrong)");
    assert_string_equal(access_by(w, basic(CI)),
                        "(bad Authorization: Basic must hold a user, a colon and "
                        "a token; wrong)");
    assert_string_equal(access_by(w, "Basic =="),
                        "(bad Authorization: what follows Basic is no base64, or "
                        "too long; wrong)");
    assert_string_equal(access_by(w, CI),
                        "(bad Authorization: there are \"Bearer <token>\" and Basic with "
                        "the token as password; wrong)");
    assert_string_equal(access_by(w, "Bearer " OLD), "(the token has expired)");
    assert_string_equal(access_who(w, (pf_credentials){.authorization = PF_STR("Bearer " CI),
                                                       .many_authorizations = true}),
                        "(bad Authorization: there is more than one; wrong)");
    assert_string_equal(access_by(w, ""), "(missing token)");
    access_end(w);
}

static void test_a_principal_is_what_the_file_says(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    pf_principal p;
    bool wrong;
    pf_credentials c = {.authorization = PF_STR("Bearer " CI), .now = NOW};
    assert_int_equal(pf_auth_identify(w->auth, &c, &p, &wrong, NULL), PF_OK);
    assert_int_equal(p.rights, PF_RIGHT_PUSH);
    assert_true(pf_scope_has(p.scope, PF_STR("shop")));
    assert_false(pf_scope_has(p.scope, PF_STR("pay")));
    assert_false(*p.revoked);
    pf_principal_release(&p);
    c.authorization = PF_STR("Bearer " ROOT);
    assert_int_equal(pf_auth_identify(w->auth, &c, &p, &wrong, NULL), PF_OK);
    assert_int_equal(p.rights, PF_RIGHTS_ALL);
    assert_null(p.scope);
    pf_principal_release(&p);
    access_end(w);
}

static void test_without_a_file_everybody_may_do_all(void **state)
{
    (void)state;
    pf_principal p;
    bool wrong;
    char why[64];
    pf_credentials c = {.authorization = PF_STR("Bearer x")};
    assert_int_equal(pf_auth_identify(NULL, &c, &p, &wrong, NULL), PF_OK);
    assert_int_equal(p.rights, PF_RIGHTS_ALL);
    assert_null(p.scope);
    assert_null(p.revoked);
    pf_principal_release(&p);
    pf_auth_look(NULL, true);
    assert_false(pf_auth_problem(NULL, why, sizeof why));
    pf_auth_free(NULL);
}

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *header, *secret; /* NULL: refused */
    } table[] = {
        {"Basic OmE=", "a"},       {"Basic OmE", "a"},      {"Basic OmFi", "ab"},
        {"Basic OmFiYw==", "abc"}, {"Basic OmFiYw", "abc"}, {"basic   OmFi  ", "ab"},
        {"Basic YTpiOmM=", "b:c"}, {"Basic OmFiYw=", NULL}, {"Basic OmE==", NULL},
        {"Basic O", NULL},         {"Basic OmFi=", NULL},   {"Basic Om Fi", NULL},
        {"Basic OmF-", NULL},      {"Basic ====", NULL},    {"Basic", NULL},
        {"BasicOmFi", NULL},       {"Digest x", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char buf[PF_BEARER_BUF];
        pf_str secret;
        pf_error err;
        pf_code code = pf_bearer_read(pf_str_c(table[i].header), buf, &secret, &err);
        if (!code != !!table[i].secret || (!code && !pf_str_eq(secret, pf_str_c(table[i].secret))))
            fail_msg("%s", table[i].header);
    }
}

static void test_too_long_a_token_is_refused(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    char text[16384];
    memset(text, 'a', sizeof text);
    memcpy(text, "Bearer ", 7);
    pf_credentials c = {.authorization = {text, 7 + PF_BEARER_MAX}};
    assert_string_equal(access_who(w, c), "(wrong token; wrong)");
    c.authorization.n++;
    assert_string_equal(access_who(w, c),
                        "(bad Authorization: the token is longer than 4096 bytes; wrong)");
    memcpy(text, "Basic  ", 7);
    c.authorization.n = sizeof text - 5;
    assert_string_equal(access_who(w, c),
                        "(bad Authorization: what follows Basic is no base64, or too long; wrong)");
    access_end(w);
}

/* ---- Certificates, proxies, the order */

static void test_certificates_and_proxies(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    pf_credentials agent = {.certificate = PF_STR("CN=agent,O=shop")};
    pf_credentials ann = {.from_proxy = true, .header = access_header, .ctx = "ann@example.com"};
    pf_credentials c = agent;
    assert_string_equal(access_who(w, agent), "agent");
    assert_string_equal(access_who(w, ann), "ann@example.com");
    c.certificate = PF_STR("CN=other");
    assert_string_equal(access_who(w, c), "(missing token, and none is for the certificate)");
    c = ann;
    c.from_proxy = false;
    assert_string_equal(access_who(w, c), "(missing token)");
    c = ann;
    c.ctx = "";
    assert_string_equal(access_who(w, c), "(missing token)");
    c.ctx = "a\x01"
            "b";
    assert_string_equal(access_who(w, c), "(the proxy names a user that can't be one; wrong)");
    c = ann;
    c.certificate = agent.certificate;
    assert_string_equal(access_who(w, c), "agent");
    c.authorization = PF_STR("Bearer nobody's");
    assert_string_equal(access_who(w, c), "(wrong token; wrong)");
    c.authorization = PF_STR("Bearer " ROOT);
    assert_string_equal(access_who(w, c), "root");
    access_end(w);
}

/* ---- Sessions */

static const char *sign_in(access_world *w, const char *authorization, int64_t lifetime,
                           int64_t *expires)
{
    static char cookie[256];
    char value[PF_SESSION_MAX];
    pf_principal p;
    bool wrong;
    pf_error err;
    pf_credentials c = {.authorization = pf_str_c(authorization), .now = w->time};
    assert_int_equal(pf_auth_identify(w->auth, &c, &p, &wrong, &err), PF_OK);
    assert_int_equal(pf_auth_session(&p, w->time, lifetime, value, expires, &err), PF_OK);
    pf_principal_release(&p);
    snprintf(cookie, sizeof cookie, "theme=dark; " PF_SESSION_COOKIE "=%s; x=y", value);
    return cookie;
}

static void test_a_session_is_its_token(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual()), *other = access_start(access_usual());
    int64_t expires, hour = 3600 * PF_NS_PER_SEC;
    const char *cookie = sign_in(w, "Bearer " ROOT, hour, &expires);
    assert_int_equal(expires, (NOW + hour) / PF_NS_PER_SEC);
    assert_null(strstr(cookie, ROOT));
    assert_string_equal(access_by_cookie(w, cookie), "root");
    assert_string_equal(access_by_cookie(other, cookie),
                        "root"); /* another collector, the same file */
    pf_credentials c = {.cookie = pf_str_c(cookie), .now = NOW + hour - PF_NS_PER_SEC};
    assert_string_equal(access_who(w, c), "root");
    c.now = NOW + hour;
    assert_string_equal(access_who(w, c), "(the session has expired: sign in again)");
    c = (pf_credentials){.cookie = pf_str_c(cookie), .authorization = PF_STR("Bearer x")};
    assert_string_equal(access_who(w, c), "(wrong token; wrong)");
    access_end(w);
    access_end(other);
}

static void test_a_forged_session_is_refused(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    char forged[256];
    const char *cookie = sign_in(w, "Bearer " ROOT, 3600 * PF_NS_PER_SEC, NULL);
    const char *from = strstr(cookie, "=1."), *to = strstr(cookie, "; x");
    for (const char *p = from + 1; p < to; p++) {
        snprintf(forged, sizeof forged, "%s", cookie);
        forged[p - cookie] = *p == '1' ? '2' : '1';
        assert_string_equal(access_by_cookie(w, forged), "(wrong session: sign in again; wrong)");
        snprintf(forged, sizeof forged, "%.*s%s", (int)(p - cookie), cookie, to);
        assert_string_equal(access_by_cookie(w, forged), "(wrong session: sign in again; wrong)");
    }
    assert_string_equal(access_by_cookie(w, "profefe_sessions=1; a; =; ;;"), "(missing token)");
    access_end(w);
}

/* Of several cookies of that name the first good one counts; a bad one doesn't stand in a certificate's way. */
static void test_old_sessions_are_in_nobodys_way(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    char cookies[512];
    const char *cookie = sign_in(w, "Bearer " ROOT, 3600 * PF_NS_PER_SEC, NULL);
    snprintf(cookies, sizeof cookies, PF_SESSION_COOKIE "=bad; %s", cookie);
    assert_string_equal(access_by_cookie(w, cookies), "root");
    pf_credentials c = {.cookie = PF_STR(PF_SESSION_COOKIE "=bad"),
                        .certificate = PF_STR("CN=agent,O=shop")};
    assert_string_equal(access_who(w, c), "agent");
    access_end(w);
}

static void test_a_session_ends_with_its_token(void **state)
{
    (void)state;
    char text[512], cookie[256];
    int64_t expires, year = INT64_C(366) * 86400 * PF_NS_PER_SEC;
    snprintf(text, sizeof text,
             "tokens: [{name: a, hash: %s, rights: [query], expires: 2027-02-01}]\n",
             access_hash_of(CI));
    access_world *w = access_start(text);
    snprintf(cookie, sizeof cookie, "%s", sign_in(w, "Bearer " CI, year, &expires));
    assert_int_equal(expires, 1801440000); /* the token's end, 2027-02-01 */
    assert_string_equal(access_by_cookie(w, cookie), "a");
    snprintf(text, sizeof text, "tokens: [{name: a, hash: %s, rights: [query], expires: never}]\n",
             access_hash_of(OLD));
    access_write_file(w->path, text);
    pf_auth_look(w->auth, true);
    assert_string_equal(access_by_cookie(w, cookie), "(wrong session: sign in again; wrong)");
    access_end(w);
}

static void test_only_a_secret_has_sessions(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    pf_principal p;
    bool wrong;
    char value[PF_SESSION_MAX];
    pf_credentials c = {.certificate = PF_STR("CN=agent,O=shop"), .now = NOW};
    assert_int_equal(pf_auth_identify(w->auth, &c, &p, &wrong, NULL), PF_OK);
    assert_int_equal(pf_auth_session(&p, NOW, 1, value, NULL, NULL), PF_FORBIDDEN);
    pf_principal_release(&p);
    c = (pf_credentials){.from_proxy = true, .header = access_header, .ctx = "ann"};
    assert_int_equal(pf_auth_identify(w->auth, &c, &p, &wrong, NULL), PF_OK);
    assert_int_equal(pf_auth_session(&p, NOW, 1, value, NULL, NULL), PF_FORBIDDEN);
    pf_principal_release(&p);
    access_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bearer_and_basic),
        cmocka_unit_test(test_a_principal_is_what_the_file_says),
        cmocka_unit_test(test_without_a_file_everybody_may_do_all),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_too_long_a_token_is_refused),
        cmocka_unit_test(test_certificates_and_proxies),
        cmocka_unit_test(test_a_session_is_its_token),
        cmocka_unit_test(test_a_forged_session_is_refused),
        cmocka_unit_test(test_old_sessions_are_in_nobodys_way),
        cmocka_unit_test(test_a_session_ends_with_its_token),
        cmocka_unit_test(test_only_a_secret_has_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
