#include "server/access/auth.h"

#include "base/metrics.h"
#include "server/access/bearer.h"
#include "server/access/rules_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { COOKIES_MAX = 4 }; /* of our name that are looked at: a browser sends one a path */

/* How a look at credentials ended. */
typedef enum outcome { KNOWN, NONE, WRONG, EXPIRED, OUTCOMES } outcome;

struct pf_auth {
    pf_rules_file file;
    EVP_MD *sha256; /* fetched once: that takes longer than to hash a token */
    pf_metric *requests[OUTCOMES];
};

static void make_metrics(pf_auth *a)
{
    static const char *const labels[OUTCOMES] = {"result=\"ok\"", "result=\"none\"",
                                                 "result=\"wrong\"", "result=\"expired\""};
    pf_metric_family *f =
        pf_metrics_family("profefe_auth_requests_total", "Requests by what their credentials were.",
                          PF_COUNTER, NULL, 0);
    for (size_t i = 0; f && i < OUTCOMES; i++)
        a->requests[i] = pf_metric_series(f, labels[i]);
}

pf_code pf_auth_new(const char *file, const pf_clock *clock, pf_auth **out, pf_error *err)
{
    pf_auth *a = calloc(1, sizeof *a);
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    pf_code code =
        a && sha256 ? pf_rules_file_open(&a->file, file, clock, err) : pf_fail_nomem(err, "access");
    if (code) {
        EVP_MD_free(sha256);
        free(a);
        return code;
    }
    a->sha256 = sha256;
    make_metrics(a);
    *out = a;
    return PF_OK;
}

void pf_auth_free(pf_auth *a)
{
    if (!a)
        return;
    pf_rules_file_close(&a->file);
    EVP_MD_free(a->sha256);
    free(a);
}

void pf_auth_look(pf_auth *a, bool now)
{
    if (a)
        pf_rules_file_look(&a->file, now);
}

bool pf_auth_problem(pf_auth *a, char *out, size_t n)
{
    if (a)
        return pf_rules_file_problem(&a->file, out, n);
    if (n)
        out[0] = 0;
    return false;
}

/* ---- Whom credentials belong to */

/* One request under inspection. */
typedef struct inspection {
    pf_auth *auth;
    const pf_rules *rules;
    const pf_credentials *sent;
    pf_principal *out;
    pf_code code; /* of the last outcome but KNOWN */
    pf_error *err;
} inspection;

static outcome refuse(inspection *in, outcome as, const char *why)
{
    in->code = pf_fail(in->err, PF_UNAUTHENTICATED, "%s", why);
    return as;
}

static outcome grant(inspection *in, const pf_rule *rule)
{
    if (in->sent->now >= atomic_load_explicit(&rule->expires, memory_order_relaxed))
        return refuse(in, EXPIRED, "the token has expired");
    *in->out = pf_rule_principal(rule);
    return KNOWN;
}

static outcome by_secret(inspection *in, pf_str secret)
{
    uint8_t digest[PF_DIGEST];
    if (EVP_Digest(secret.p, secret.n, digest, NULL, in->auth->sha256, NULL) != 1) {
        in->code = pf_fail_nomem(in->err, "access");
        return NONE;
    }
    const pf_rule *rule = pf_rules_by_hash(in->rules, digest);
    return rule ? grant(in, rule) : refuse(in, WRONG, "wrong token");
}

static outcome by_authorization(inspection *in)
{
    char buf[PF_BEARER_BUF];
    pf_str secret;
    if (in->sent->many_authorizations)
        return refuse(in, WRONG, "bad Authorization: there is more than one");
    in->code = pf_bearer_read(in->sent->authorization, buf, &secret, in->err);
    outcome is = in->code ? WRONG : by_secret(in, secret);
    bool in_place = !in->code && !(secret.p >= buf && secret.p < buf + sizeof buf);
    if (!in_place) /* it was decoded, or might have been */
        OPENSSL_cleanse(buf, sizeof buf);
    return is;
}

static outcome by_session(inspection *in, const pf_session *s)
{
    size_t at = 0;
    const pf_rule *rule = pf_rules_by_prefix(in->rules, s->prefix, &at);
    bool is_of = false;
    for (; rule; rule = pf_rules_by_prefix(in->rules, s->prefix, &at)) {
        if (!pf_session_check(s, rule, &is_of)) { /* no reason to sign anybody out */
            in->code = pf_fail_nomem(in->err, "access");
            return NONE;
        }
        if (is_of)
            break;
    }
    if (!rule)
        return refuse(in, WRONG, "wrong session: sign in again");
    if (in->sent->now / PF_NS_PER_SEC >= s->expires)
        return refuse(in, EXPIRED, "the session has expired: sign in again");
    return grant(in, rule);
}

/* What the last of them came to, when none is good. */
static outcome by_cookie(inspection *in)
{
    pf_str rest = in->sent->cookie, value;
    outcome is = NONE;
    for (int i = 0; i < COOKIES_MAX && is != KNOWN && in->code != PF_INTERNAL &&
                    pf_session_next(&rest, &value);
         i++) {
        pf_session session;
        is = pf_session_read(value, &session) ? by_session(in, &session)
                                              : refuse(in, WRONG, "wrong session: sign in again");
    }
    return is;
}

static outcome by_certificate(inspection *in)
{
    const pf_rule *rule =
        in->sent->certificate.n ? pf_rules_by_subject(in->rules, in->sent->certificate) : NULL;
    return rule ? grant(in, rule) : NONE;
}

static outcome by_proxy(inspection *in)
{
    const pf_credentials *c = in->sent;
    if (!in->rules->login || !c->from_proxy || !c->header)
        return NONE;
    pf_str user = c->header(c->ctx, in->rules->user_header);
    if (!user.n)
        return NONE;
    pf_error why;
    if (pf_token_name_check(user, &why))
        return refuse(in, WRONG, "the proxy names a user that can't be one");
    *in->out = pf_rule_principal(in->rules->login);
    in->out->name = user;
    in->out->rule = NULL;
    return KNOWN;
}

static outcome inspect(inspection *in)
{
    if (in->sent->authorization.n || in->sent->many_authorizations)
        return by_authorization(in);
    outcome first = by_cookie(in);
    if (first == KNOWN || in->code == PF_INTERNAL)
        return first;
    outcome is = by_certificate(in);
    if (is == NONE)
        is = by_proxy(in);
    if (is != NONE)
        return is;
    if (first == NONE)
        refuse(in, NONE,
               in->sent->certificate.n ? "missing token, and none is for the certificate"
                                       : "missing token");
    return first;
}

pf_code pf_auth_identify(pf_auth *a, const pf_credentials *c, pf_principal *out, bool *wrong,
                         pf_error *err)
{
    *wrong = false;
    *out = PF_PRINCIPAL_ANYBODY;
    if (!a)
        return PF_OK;
    *out = (pf_principal){0};
    pf_rules *rules = pf_rules_file_take(&a->file);
    inspection in = {a, rules, c, out, PF_UNAUTHENTICATED, err};
    outcome is = inspect(&in);
    pf_metric_add(a->requests[is], 1);
    *wrong = is == WRONG;
    if (is == KNOWN) {
        out->rules = rules;
        return PF_OK;
    }
    pf_rules_release(rules);
    return in.code;
}

pf_code pf_auth_session(const pf_principal *who, int64_t now, int64_t lifetime,
                        char out[static PF_SESSION_MAX], int64_t *expires, pf_error *err)
{
    if (!who->rule || !who->rule->has_hash)
        return pf_fail(err, PF_FORBIDDEN, "only a token that has a hash can have a session");
    int64_t end, token_ends = atomic_load(&who->rule->expires);
    if (__builtin_add_overflow(now, lifetime, &end) || end > token_ends)
        end = token_ends;
    end /= PF_NS_PER_SEC;
    if (!pf_session_sign(who->rule, end, out))
        return pf_fail_nomem(err, "access");
    if (expires)
        *expires = end;
    return PF_OK;
}
