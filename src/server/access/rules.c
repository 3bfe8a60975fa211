#include "server/access/rules.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

pf_rules *pf_rules_new(void)
{
    pf_rules *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    atomic_init(&r->refs, 1);
    pf_arena_init(&r->arena, NULL, 0);
    return r;
}

void pf_rules_retain(pf_rules *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
}

void pf_rules_release(pf_rules *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(r->tokens);
    pf_arena_free(&r->arena);
    free(r);
}

/* ---- Tables */

static int by_name(const void *a, const void *b)
{
    return pf_str_cmp((*(pf_rule *const *)a)->name, (*(pf_rule *const *)b)->name);
}

static int by_subject(const void *a, const void *b)
{
    return pf_str_cmp((*(pf_rule *const *)a)->subject, (*(pf_rule *const *)b)->subject);
}

typedef int compare(const void *, const void *);

/* The first two that are the same, in *a and *b. */
static bool sort_unique(pf_rule **list, size_t n, compare *order, const pf_rule **a,
                        const pf_rule **b)
{
    if (n)
        qsort(list, n, sizeof *list, order);
    for (size_t i = 1; i < n; i++)
        if (order(&list[i - 1], &list[i]) == 0) {
            bool in_order = list[i - 1]->line <= list[i]->line;
            *a = list[in_order ? i - 1 : i];
            *b = list[in_order ? i : i - 1];
            return false;
        }
    return true;
}

static uint64_t prefix_of(const uint8_t *digest)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | digest[i];
    return v;
}

uint64_t pf_rule_prefix(const pf_rule *rule)
{
    return prefix_of(rule->hash);
}

/* Where the digest's rule stands, or the free slot where it would. */
static size_t slot_of(const pf_rules *r, const uint8_t *digest)
{
    size_t at = prefix_of(digest) & (r->nslots - 1);
    while (r->by_hash[at] && CRYPTO_memcmp(r->by_hash[at]->hash, digest, PF_DIGEST) != 0)
        at = (at + 1) & (r->nslots - 1);
    return at;
}

static bool index_hashes(pf_rules *r, const pf_rule **a, const pf_rule **b)
{
    for (size_t i = 0; i < r->n; i++) {
        pf_rule *rule = &r->tokens[i];
        if (!rule->has_hash)
            continue;
        size_t at = slot_of(r, rule->hash);
        if (r->by_hash[at]) {
            *a = r->by_hash[at];
            *b = rule;
            return false;
        }
        r->by_hash[at] = rule;
    }
    return true;
}

bool pf_rules_index(pf_rules *r, const pf_rule **a, const pf_rule **b, const char **what)
{
    *a = *b = NULL;
    for (r->nslots = 2; r->nslots < 2 * r->n;)
        r->nslots *= 2;
    r->by_name = pf_arena_array(&r->arena, r->n, sizeof(pf_rule *));
    r->by_subject = pf_arena_array(&r->arena, r->n, sizeof(pf_rule *));
    r->by_hash = pf_arena_zalloc(&r->arena, r->nslots * sizeof(pf_rule *));
    if (!r->by_name || !r->by_subject || !r->by_hash)
        return false;
    for (size_t i = 0; i < r->n; i++) {
        r->by_name[i] = &r->tokens[i];
        if (r->tokens[i].subject.n)
            r->by_subject[r->nsubjects++] = &r->tokens[i];
    }
    *what = "name";
    if (!sort_unique(r->by_name, r->n, by_name, a, b))
        return false;
    *what = "subject";
    if (!sort_unique(r->by_subject, r->nsubjects, by_subject, a, b))
        return false;
    *what = "hash";
    return index_hashes(r, a, b);
}

const pf_rule *pf_rules_by_hash(const pf_rules *r, const uint8_t digest[static PF_DIGEST])
{
    return r->by_hash[slot_of(r, digest)];
}

const pf_rule *pf_rules_by_prefix(const pf_rules *r, uint64_t prefix, size_t *at)
{
    for (; *at < r->nslots; ++*at) {
        const pf_rule *rule = r->by_hash[(prefix + *at) & (r->nslots - 1)];
        if (!rule)
            return NULL;
        if (prefix_of(rule->hash) == prefix) {
            ++*at;
            return rule;
        }
    }
    return NULL;
}

static const pf_rule *search(pf_rule **list, size_t n, const pf_rule *like, compare *order)
{
    pf_rule **found = n ? bsearch(&like, list, n, sizeof *list, order) : NULL;
    return found ? *found : NULL;
}

const pf_rule *pf_rules_by_subject(const pf_rules *r, pf_str subject)
{
    const pf_rule like = {.subject = subject};
    return search(r->by_subject, r->nsubjects, &like, by_subject);
}

const pf_rule *pf_rules_by_name(const pf_rules *r, pf_str name)
{
    const pf_rule like = {.name = name};
    return search(r->by_name, r->n, &like, by_name);
}

/* ---- Ends */

static bool same_scope(const pf_rule *a, const pf_rule *b)
{
    if (a->limited != b->limited || a->scope.n != b->scope.n)
        return false;
    for (size_t i = 0; i < a->scope.n; i++)
        if (!pf_str_eq(a->scope.patterns[i], b->scope.patterns[i]))
            return false;
    return true;
}

static bool same(const pf_rule *a, const pf_rule *b)
{
    return a->rights == b->rights && a->has_hash == b->has_hash &&
           memcmp(a->hash, b->hash, PF_DIGEST) == 0 && pf_str_eq(a->subject, b->subject) &&
           same_scope(a, b);
}

static bool same_login(const pf_rules *a, const pf_rules *b)
{
    return b->login && same(a->login, b->login) &&
           pf_str_eq_nocase(pf_str_c(a->user_header), pf_str_c(b->user_header));
}

void pf_rules_replace(pf_rules *old, const pf_rules *fresh)
{
    for (size_t i = 0; i < old->n; i++) {
        pf_rule *rule = &old->tokens[i];
        const pf_rule *now = pf_rules_by_name(fresh, rule->name);
        if (now && same(rule, now))
            atomic_store(&rule->expires, atomic_load(&now->expires));
        else
            atomic_store(&rule->revoked, true);
    }
    if (old->login && !same_login(old, fresh))
        atomic_store(&old->login->revoked, true);
}

void pf_rules_expire(pf_rules *r, int64_t now, bool again)
{
    for (size_t i = 0; i < r->n; i++) {
        bool over = now >= atomic_load_explicit(&r->tokens[i].expires, memory_order_relaxed);
        if (over || again)
            atomic_store_explicit(&r->tokens[i].revoked, over, memory_order_relaxed);
    }
}

pf_principal pf_rule_principal(const pf_rule *rule)
{
    return (pf_principal){
        .name = rule->name,
        .rights = rule->rights,
        .scope = rule->limited ? &rule->scope : NULL,
        .revoked = &rule->revoked,
        .rule = rule,
    };
}

pf_code pf_token_name_check(pf_str name, pf_error *err)
{
    if (!name.n)
        return pf_fail(err, PF_INVALID, "a name must not be empty");
    if (name.n > PF_TOKEN_NAME_MAX)
        return pf_fail(err, PF_INVALID, "a name of %zu bytes is over the limit of %d", name.n,
                       PF_TOKEN_NAME_MAX);
    if (!pf_str_is_utf8(name))
        return pf_fail(err, PF_INVALID, "a name must be UTF-8");
    if (pf_str_has_control(name))
        return pf_fail(err, PF_INVALID, "a name must not hold control characters");
    return PF_OK;
}
