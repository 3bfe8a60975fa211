/* rules.h: what an auth file says: the tokens with their rights, and whom an authenticating proxy may log in.
 *
 *     pf_rules *rules;
 *     if (pf_rules_parse(text, "auth.yaml", NULL, &rules, &err)) ...        rules_yaml.h
 *     const pf_rule *rule = pf_rules_by_hash(rules, digest);
 *     pf_rules_release(rules);
 *
 * Rules don't change once they are made, but for `expires` and `revoked`, which are atomic; so any number of threads
 * reads them without a lock. They are counted: whoever keeps them holds a reference, the last one frees.
 *
 * A token is found by the SHA-256 of its secret in an open-addressing table, at most half full:
 *
 *     slots:  |      | rule | rule |      | rule | ...      slot = first 8 bytes of the digest, modulo a power of two
 *
 * The digests are even, and nobody who doesn't know a secret can choose where it falls. A certificate is found by its
 * subject in a sorted list.
 */
#ifndef PF_SERVER_ACCESS_RULES_H
#define PF_SERVER_ACCESS_RULES_H

#include "base/arena.h"
#include "server/access/principal.h"

enum {
    PF_DIGEST = 32,             /* bytes of a SHA-256 */
    PF_TOKENS_MAX = 100000,     /* in a file */
    PF_TOKEN_NAME_MAX = 128,    /* bytes */
    PF_TOKEN_PATTERNS_MAX = 256 /* of one token's services */
};

#define PF_EXPIRES_NEVER INT64_MAX

struct pf_rule {
    pf_str name;
    pf_str subject; /* of a client's certificate, "CN=ci,O=shop"; empty: it has a hash */
    bool has_hash;
    uint8_t hash[PF_DIGEST];          /* SHA-256 of the secret */
    unsigned rights;                  /* those that admin brings are set */
    bool limited;                     /* to the services of `scope`; else all */
    bool says_services, says_expires; /* the file does */
    pf_scope scope;
    unsigned line;           /* in the file, from 1 */
    _Atomic int64_t expires; /* from then on it is of no use; wall clock, ns */
    atomic_bool revoked;
};

struct pf_rules {
    atomic_size_t refs;
    pf_arena arena; /* of all texts and tables */
    pf_rule *tokens;
    size_t n;
    pf_rule **by_name;    /* all of them, sorted */
    pf_rule **by_subject; /* those with one, sorted */
    size_t nsubjects;
    pf_rule **by_hash; /* slots; NULL: free */
    size_t nslots;     /* a power of two */
    pf_rule *login;    /* what everybody may whom a proxy logged in; NULL: nobody is believed */
    const char *user_header; /* that names them */
    pf_rules *older;         /* of the list that pf_rules_file keeps */
};

/* Empty, with one reference. NULL when out of memory. */
pf_rules *pf_rules_new(void);
void pf_rules_retain(pf_rules *r);
void pf_rules_release(pf_rules *r); /* NULL is fine */

/* Makes the tables from `tokens` and `n`. When two have the same name, hash or subject, false with both in *a and *b,
 * by their lines, and what they share in *what; when out of memory, false and *a is NULL. */
bool pf_rules_index(pf_rules *r, const pf_rule **a, const pf_rule **b, const char **what);

/* NULL: there is none. */
const pf_rule *pf_rules_by_hash(const pf_rules *r, const uint8_t digest[static PF_DIGEST]);
const pf_rule *pf_rules_by_subject(const pf_rules *r, pf_str subject);
const pf_rule *pf_rules_by_name(const pf_rules *r, pf_str name);

/* The tokens whose hash begins with `prefix`, its first 8 bytes as a big-endian number. *at begins as 0; NULL: no more. */
const pf_rule *pf_rules_by_prefix(const pf_rules *r, uint64_t prefix, size_t *at);
uint64_t pf_rule_prefix(const pf_rule *rule);

/* Marks in `old` what is no longer so in `fresh`: a token that is gone, or has another hash, subject, rights or
 * services, and a login that has changed. What is unchanged takes over when it expires. */
void pf_rules_replace(pf_rules *old, const pf_rules *fresh);

/* Marks what has expired by `now`; with `again` it unmarks what hasn't (the clock was set back). */
void pf_rules_expire(pf_rules *r, int64_t now, bool again);

/* The principal that a rule makes of somebody, without a reference to the rules. */
pf_principal pf_rule_principal(const pf_rule *rule);

/* 1 to PF_TOKEN_NAME_MAX bytes of UTF-8 without control characters: PF_INVALID says what is wrong. */
pf_code pf_token_name_check(pf_str name, pf_error *err);

#endif
