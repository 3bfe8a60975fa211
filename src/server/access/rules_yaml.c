#include "server/access/rules_yaml.h"

#include "profile/meta.h"
#include "profile/time.h"
#include "server/access/yaml_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 24 }; /* a longer text isn't quoted: it may be a secret in the wrong place */
enum { END_MARK = 1, TOKENS = 2, PROXY_LOGIN = 4 };                                /* of a file */
enum { NAME = 1, HASH = 2, SUBJECT = 4, RIGHTS = 8, SERVICES = 16, EXPIRES = 32 }; /* of a token */
enum { USER_HEADER = 1, LOGIN_RIGHTS = 2, LOGIN_SERVICES = 4 };

/* A file under reading: the reader's ctx. */
typedef struct building {
    pf_rules *rules;
    size_t cap;        /* of rules->tokens */
    bool end_mark;     /* the file says that it has one */
    bool any;          /* a key of the file was read */
    bool tokens_last;  /* its last key so far is `tokens` */
    bool login_rights; /* proxy_login's rights were read */
    pf_str *patterns;  /* of the services under reading: PF_TOKEN_PATTERNS_MAX */
} building;

static building *building_of(pf_yaml *r)
{
    return r->ctx;
}

/* A copy that lives as long as the rules. */
static pf_code keep(pf_yaml *r, pf_str text, pf_str *out)
{
    *out = pf_arena_str(&building_of(r)->rules->arena, text);
    return out->p ? PF_OK : pf_fail_nomem(r->err, "the auth file");
}

/* ---- What tokens and proxy_login share */

static pf_code read_right(pf_yaml *r, void *into)
{
    unsigned *rights = into;
    pf_str text;
    pf_right right;
    pf_code code = pf_yaml_text(r, "a right", &text);
    if (code)
        return code;
    if (!pf_right_parse(text, &right)) {
        pf_str shown = text.n > SHOWN ? PF_STR("...") : text;
        return pf_yaml_fail(r, r->line,
                            "unknown right \"%.*s\": there are push, query, write, delete, admin",
                            PF_FMT(shown));
    }
    *rights |= right == PF_RIGHT_ADMIN ? (unsigned)PF_RIGHTS_ALL : (unsigned)right;
    return PF_OK;
}

static pf_code read_rights(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    unsigned line = r->line;
    pf_code code = pf_yaml_list(r, "\"rights\"", read_right, &rule->rights);
    if (!code && !rule->rights)
        return pf_yaml_fail(r, line,
                            "\"rights\" is empty: there are push, query, write, delete, "
                            "admin");
    return code;
}

static pf_code read_pattern(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    building *b = building_of(r);
    pf_str text;
    pf_error why;
    pf_code code = pf_yaml_text(r, "a service", &text);
    if (code)
        return code;
    if (pf_service_check(text, &why))
        return pf_yaml_fail(r, r->line,
                            "a service must be 1 to %d bytes of UTF-8 without control characters",
                            PF_SERVICE_MAX);
    if (rule->scope.n == PF_TOKEN_PATTERNS_MAX)
        return pf_yaml_fail(r, r->line, "there are more than %d services", PF_TOKEN_PATTERNS_MAX);
    return keep(r, text, &b->patterns[rule->scope.n++]);
}

static pf_code read_services(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    building *b = building_of(r);
    unsigned line = r->line;
    pf_code code = pf_yaml_list(r, "\"services\"", read_pattern, rule);
    if (code)
        return code;
    if (!rule->scope.n)
        return pf_yaml_fail(r, line, "\"services\" is empty: leave the key out for all services");
    pf_str *list = pf_arena_array(&b->rules->arena, rule->scope.n, sizeof *list);
    if (!list)
        return pf_fail_nomem(r->err, "the auth file");
    rule->limited = true;
    for (size_t i = 0; i < rule->scope.n; i++) {
        list[i] = b->patterns[i];
        rule->limited &= !pf_str_eq(list[i], PF_STR("*"));
    }
    rule->scope.patterns = list;
    rule->says_services = true;
    return PF_OK;
}

/* ---- Tokens */

static pf_code read_name(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    pf_str text;
    pf_error why;
    pf_code code = pf_yaml_text(r, "\"name\"", &text);
    if (code)
        return code;
    if (pf_token_name_check(text, &why))
        return pf_yaml_fail(r, r->line, "%s", why.msg);
    return keep(r, text, &rule->name);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static pf_code read_hash(pf_yaml *r, void *into)
{
    static const uint8_t of_nothing[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                         0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                         0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                         0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    pf_rule *rule = into;
    pf_str text;
    pf_code code = pf_yaml_text(r, "\"hash\"", &text);
    if (code)
        return code;
    bool ok = text.n == 2 * PF_DIGEST;
    for (size_t i = 0; ok && i < PF_DIGEST; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        rule->hash[i] = ok ? (uint8_t)(high << 4 | low) : 0;
    }
    if (!ok)
        return pf_yaml_fail(r, r->line,
                            "\"hash\" must be 64 hex digits, as profefe -auth.hash "
                            "prints them");
    if (memcmp(rule->hash, of_nothing, PF_DIGEST) == 0)
        return pf_yaml_fail(r, r->line, "\"hash\" is that of an empty secret");
    rule->has_hash = true;
    return PF_OK;
}

static pf_code read_subject(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    pf_str text;
    pf_code code = pf_yaml_text(r, "\"subject\"", &text);
    if (code)
        return code;
    if (!text.n || text.n > 1024 || !pf_str_is_utf8(text) || pf_str_has_control(text))
        return pf_yaml_fail(r, r->line,
                            "\"subject\" must be 1 to 1024 bytes of UTF-8 without "
                            "control characters, such as \"CN=ci,O=shop\"");
    return keep(r, text, &rule->subject);
}

static pf_code read_expires(pf_yaml *r, void *into)
{
    pf_rule *rule = into;
    pf_str text;
    pf_instant at;
    const char *why;
    char with_time[64];
    pf_code code = pf_yaml_text(r, "\"expires\"", &text);
    if (code)
        return code;
    rule->says_expires = true;
    if (pf_str_eq(text, PF_STR("never")))
        return PF_OK;
    bool date = text.n == 10;
    if (text.n < 10 || text.n > 40 || text.p[4] != '-' || pf_str_has_control(text))
        return pf_yaml_fail(r, r->line,
                            "\"expires\" must be a date (2027-01-01), an RFC 3339 time "
                            "or never");
    int n = snprintf(with_time, sizeof with_time, "%.*s%s", PF_FMT(text), date ? "T00:00:00Z" : "");
    if (!pf_time_parse((pf_str){with_time, (size_t)n}, &at, &why))
        return pf_yaml_fail(r, r->line, "\"expires: %.*s\": %s", PF_FMT(text),
                            date ? "no such date" : why);
    atomic_store(&rule->expires, at.ns);
    return PF_OK;
}

static const pf_yaml_field token_fields[] = {
    {"name", read_name},     {"hash", read_hash},         {"subject", read_subject},
    {"rights", read_rights}, {"services", read_services}, {"expires", read_expires}};

static pf_rule *add_token(building *b)
{
    pf_rules *rules = b->rules;
    if (rules->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 16;
        pf_rule *more = realloc(rules->tokens, cap * sizeof *more);
        if (!more)
            return NULL;
        rules->tokens = more;
        b->cap = cap;
    }
    pf_rule *rule = &rules->tokens[rules->n++];
    memset(rule, 0, sizeof *rule);
    atomic_init(&rule->expires, PF_EXPIRES_NEVER);
    atomic_init(&rule->revoked, false);
    return rule;
}

static pf_code read_token(pf_yaml *r, void *into)
{
    building *b = into;
    unsigned line = r->line, seen;
    if (b->rules->n == PF_TOKENS_MAX)
        return pf_yaml_fail(r, line, "there are more than %d tokens", PF_TOKENS_MAX);
    pf_rule *rule = add_token(b);
    if (!rule)
        return pf_fail_nomem(r->err, "the auth file");
    rule->line = line;
    pf_code code = pf_yaml_mapping(r, "a token", token_fields,
                                   sizeof token_fields / sizeof *token_fields, rule, &seen);
    if (code)
        return code;
    if (!(seen & NAME))
        return pf_yaml_fail(r, line, "a token has no \"name\"");
    const char *lacks = !(seen & (HASH | SUBJECT)) ? "neither \"hash\" nor \"subject\""
                        : !(seen & RIGHTS)         ? "no \"rights\""
                                                   : NULL;
    if (lacks)
        return pf_yaml_fail(r, line, "token \"%.*s\" has %s", PF_FMT(rule->name), lacks);
    if ((seen & HASH) && (seen & SUBJECT))
        return pf_yaml_fail(r, line, "token \"%.*s\" has both \"hash\" and \"subject\": make two",
                            PF_FMT(rule->name));
    return PF_OK;
}

/* ---- The file */

static pf_code read_end_mark(pf_yaml *r, void *into)
{
    building *b = into;
    pf_str text;
    pf_code code = pf_yaml_text(r, "\"end_mark\"", &text);
    if (code)
        return code;
    if (b->any)
        return pf_yaml_fail(r, r->line, "\"end_mark\" must be the first key of the file");
    if (!pf_str_eq(text, PF_STR("true")))
        return pf_yaml_fail(r, r->line, "\"end_mark\" must be true; leave it out otherwise");
    b->end_mark = true;
    return PF_OK;
}

static pf_code read_tokens(pf_yaml *r, void *into)
{
    building *b = into;
    b->any = b->tokens_last = true;
    return pf_yaml_list(r, "\"tokens\"", read_token, b);
}

static pf_code read_user_header(pf_yaml *r, void *into)
{
    (void)into;
    pf_str text, copy;
    pf_code code = pf_yaml_text(r, "\"user_header\"", &text);
    if (code)
        return code;
    bool ok = text.n > 0 && text.n <= 128;
    for (size_t i = 0; ok && i < text.n; i++)
        ok = text.p[i] > ' ' && text.p[i] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", text.p[i]);
    if (!ok)
        return pf_yaml_fail(r, r->line,
                            "\"user_header\" must be the name of a header, such as "
                            "X-Forwarded-User");
    code = keep(r, text, &copy);
    building_of(r)->rules->user_header = copy.p;
    return code;
}

static pf_code read_login_rights(pf_yaml *r, void *into)
{
    building_of(r)->login_rights = true;
    return read_rights(r, into);
}

static pf_code read_login_services(pf_yaml *r, void *into)
{
    if (building_of(r)->login_rights)
        return pf_yaml_fail(r, r->line,
                            "\"services\" must come before \"rights\" in proxy_login: "
                            "else a cut file would let its users see all services");
    return read_services(r, into);
}

static const pf_yaml_field login_fields[] = {{"user_header", read_user_header},
                                             {"rights", read_login_rights},
                                             {"services", read_login_services}};

static pf_code read_proxy_login(pf_yaml *r, void *into)
{
    building *b = into;
    unsigned line = r->line, seen;
    b->any = true;
    b->tokens_last = false;
    pf_rule *rule = pf_arena_zalloc(&b->rules->arena, sizeof *rule);
    if (!rule)
        return pf_fail_nomem(r->err, "the auth file");
    rule->line = line;
    atomic_init(&rule->expires, PF_EXPIRES_NEVER);
    pf_code code = pf_yaml_mapping(r, "proxy_login", login_fields, 3, rule, &seen);
    if (!code && !(seen & USER_HEADER))
        return pf_yaml_fail(r, line, "proxy_login has no \"user_header\"");
    if (!code && !(seen & LOGIN_RIGHTS))
        return pf_yaml_fail(r, line, "proxy_login has no \"rights\"");
    b->rules->login = rule;
    return code;
}

static const pf_yaml_field file_fields[] = {
    {"end_mark", read_end_mark}, {"tokens", read_tokens}, {"proxy_login", read_proxy_login}};

/* ---- What is to be seen of the whole */

static pf_code check_lost(pf_yaml *r, const pf_rule *last, const pf_rule *old)
{
    bool services = old && old->limited && !last->says_services;
    bool expires = old && atomic_load(&old->expires) != PF_EXPIRES_NEVER && !last->says_expires;
    if (!services && !expires)
        return PF_OK;
    return pf_yaml_fail(
        r, last->line,
        "the last token, \"%.*s\", no longer says %s: so looks a file that was cut. "
        "If it is meant, write %s, or end the file with the line \"...\"",
        PF_FMT(last->name), services ? "its services" : "when it expires",
        services ? "services: [\"*\"]" : "expires: never");
}

/* The last token of a file whose end isn't told: see the header. */
static pf_code check_last(pf_yaml *r, const building *b, const pf_rules *in_force)
{
    const pf_rule *last = &b->rules->tokens[b->rules->n - 1];
    const pf_rule *same_secret = last->has_hash ? pf_rules_by_hash(in_force, last->hash)
                                                : pf_rules_by_subject(in_force, last->subject);
    pf_code code = check_lost(r, last, pf_rules_by_name(in_force, last->name));
    return code ? code : check_lost(r, last, same_secret);
}

static pf_code check_whole(pf_yaml *r, building *b, bool marked, const pf_rules *in_force)
{
    const pf_rule *one, *other;
    const char *what;
    if (b->end_mark && !marked)
        return pf_yaml_fail(r, r->line,
                            "the file says end_mark, and doesn't end with the line "
                            "\"...\": it was cut");
    if (!b->rules->n && !b->rules->login)
        return pf_yaml_fail(r, 1, "the file holds no token");
    if (!pf_rules_index(b->rules, &one, &other, &what))
        return one ? pf_yaml_fail(r, other->line,
                                  "token \"%.*s\" has the %s of \"%.*s\" in line %u",
                                  PF_FMT(other->name), what, PF_FMT(one->name), one->line)
                   : pf_fail_nomem(r->err, "the auth file");
    bool untold = b->tokens_last && !marked && b->rules->n;
    return untold && in_force ? check_last(r, b, in_force) : PF_OK;
}

static pf_code read_file(pf_yaml *r, building *b, const pf_rules *in_force)
{
    unsigned seen;
    bool marked = false;
    pf_code code = pf_yaml_mapping(r, "the file", file_fields, 3, b, &seen);
    if (!code)
        code = pf_yaml_end(r, &marked);
    return code ? code : check_whole(r, b, marked, in_force);
}

static pf_code check_text(pf_str text, const char *file, pf_error *err)
{
    const char *why = !text.n                      ? "the file is empty"
                      : text.n > PF_RULES_MAX      ? "the file is larger than 16 MiB"
                      : text.p[text.n - 1] != '\n' ? "the last line has no end: the file was cut"
                                                   : NULL;
    return why ? pf_fail_param(err, PF_INVALID, "auth.file", "%s: %s", file, why) : PF_OK;
}

pf_code pf_rules_parse(pf_str text, const char *file, const pf_rules *in_force, pf_rules **out,
                       pf_error *err)
{
    pf_yaml r;
    pf_code code = check_text(text, file, err);
    if (code)
        return code;
    building b = {.rules = pf_rules_new(),
                  .patterns = malloc(PF_TOKEN_PATTERNS_MAX * sizeof *b.patterns)};
    if (!b.rules || !b.patterns) {
        pf_rules_release(b.rules);
        free(b.patterns);
        return pf_fail_nomem(err, "the auth file");
    }
    code = pf_yaml_open(&r, text, file, "auth.file", err);
    r.ctx = &b;
    if (code == PF_NOT_FOUND)
        code = pf_yaml_fail(&r, 1, "the file holds no token");
    else if (!code)
        code = read_file(&r, &b, in_force);
    pf_yaml_close(&r);
    free(b.patterns);
    if (code)
        pf_rules_release(b.rules);
    else
        *out = b.rules;
    return code;
}
