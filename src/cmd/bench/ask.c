#include "cmd/bench/ask.h"

#include "base/clock.h"
#include "pprof/gzip.h"
#include "pprof/profile.h"

#include <inttypes.h>
#include <string.h>

enum { INFLATED_MAX = 1 << 30 };

void bench_check_total(bench_caller *c, pf_str profile, bench_total want, const char *what)
{
    pf_profile p;
    pf_error why = {0};
    pf_str raw = profile;
    if ((pf_is_gzip(profile) && pf_gunzip(profile, INFLATED_MAX, &c->arena, &raw, &why)) ||
        pf_profile_decode(&p, &c->arena, raw, &why)) {
        bench_caller_wrong(c, "%s: the answer is no profile: %.300s", what, why.msg);
        return;
    }
    bench_total got = bench_total_of(&p);
    if (got.first != want.first || got.last != want.last)
        bench_caller_wrong(c,
                           "%s: the samples add up to %" PRId64 " and %" PRId64
                           " instead of %" PRId64 " and %" PRId64,
                           what, got.first, got.last, want.first, want.last);
}

pf_code bench_ask_get(const bench_fleet *f, bench_caller *c, size_t which, pf_error *err)
{
    pf_str body, id = pf_str_c(f->ids[c->target->number][which]);
    pf_code code = pf_client_get(c->client, &id, 1, &body, err);
    if (!code)
        bench_check_total(c, body, f->totals[which], "get");
    return code;
}

/* The entry that should be profile `i`. */
static bool is_as_pushed(const bench_fleet *f, const bench_caller *c, const pf_meta *found,
                         const pf_query *q, size_t i)
{
    return pf_str_eq(found->id, pf_str_c(f->ids[c->target->number][i])) &&
           pf_str_eq(found->service, q->service) && found->type == q->type &&
           found->created_at / PF_NS_PER_SEC == bench_fleet_time(f, i) / PF_NS_PER_SEC &&
           pf_labels_match(found->labels, q->labels);
}

static void check_list(const bench_fleet *f, bench_caller *c, bench_selection s, const pf_query *q,
                       const pf_metas *found)
{
    bench_total total;
    size_t want = bench_fleet_count(f, s, &total), i;
    if (found->n != want) {
        bench_caller_wrong(c, "find in %.*s: %zu profiles instead of %zu", PF_FMT(q->service),
                           found->n, want);
        return;
    }
    for (size_t k = 0; k < found->n && bench_fleet_next(f, &s, &i); k++)
        if (!is_as_pushed(f, c, &found->v[k], q, i)) {
            bench_caller_wrong(c,
                               "find in %.*s: number %zu of %zu is %.*s, and %s should stand there",
                               PF_FMT(q->service), k + 1, found->n, PF_FMT(found->v[k].id),
                               f->ids[c->target->number][i]);
            return;
        }
}

pf_code bench_ask_find(const bench_fleet *f, bench_caller *c, bench_selection s, pf_error *err)
{
    char name[BENCH_NAME];
    bench_labels store = {0};
    pf_metas found = {0};
    pf_query q = {.from = s.from, .to = s.to, .type = f->conf.type};
    s.target = c->target->number;
    q.service = bench_fleet_service(f, s.service, name);
    if (s.host != UINT32_MAX) {
        q.labels = bench_fleet_labels(s.host, &store);
        q.labels.n = 1; /* the host alone */
    }
    pf_code code = pf_client_find(c->client, &q, &c->arena, &found, err);
    if (code && code != PF_NOT_FOUND)
        return code;
    check_list(f, c, s, &q, &found);
    return PF_OK;
}

pf_code bench_ask_merge(const bench_fleet *f, bench_caller *c, bench_selection s, pf_error *err)
{
    char name[BENCH_NAME];
    bench_total total;
    pf_str merged;
    pf_query q = {.from = s.from, .to = s.to, .type = f->conf.type};
    s.target = c->target->number;
    q.service = bench_fleet_service(f, s.service, name);
    bench_fleet_count(f, s, &total);
    pf_code code = pf_client_merge(c->client, &q, &merged, err);
    if (!code)
        bench_check_total(c, merged, total, "merge");
    return code;
}

/* The number of one of the fleet's services; false: the name is another's. */
static bool service_number(const bench_fleet *f, pf_str name, int64_t *number)
{
    pf_str prefix = pf_str_c(f->conf.prefix);
    if (!pf_str_has_prefix(name, prefix) || name.n <= prefix.n + 1 || name.p[prefix.n] != '-')
        return false;
    return pf_str_to_i64((pf_str){name.p + prefix.n + 1, name.n - prefix.n - 1}, number) &&
           *number < f->conf.services;
}

pf_code bench_ask_services(const bench_fleet *f, bench_caller *c, pf_error *err)
{
    pf_strs names = {0};
    pf_code code = pf_client_services(c->client, &c->arena, &names, err);
    if (code)
        return code;
    size_t made = f->made < f->conf.services ? f->made : f->conf.services, there = 0;
    bool *is_there = pf_arena_array(&c->arena, f->conf.services, sizeof *is_there);
    if (!is_there)
        return pf_fail_nomem(err, "services");
    memset(is_there, 0, f->conf.services * sizeof *is_there);
    for (size_t i = 0; i < names.n; i++) {
        int64_t number;
        if (!service_number(f, names.v[i], &number))
            continue;
        if (is_there[number])
            bench_caller_wrong(c, "services: %.*s is there twice", PF_FMT(names.v[i]));
        there += !is_there[number];
        is_there[number] = true;
    }
    if (there != made)
        bench_caller_wrong(c, "services: %zu of the %zu that were pushed", there, made);
    return PF_OK;
}
