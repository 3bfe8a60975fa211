#include "server/access/limits.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "server/access/recent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_SHOWN_MAX = 200 }; /* bytes of a token's or service's name in a message */

typedef enum limit { PUSH_RATE, PUSH_BYTES, QUERIES, NLIMITS } limit;
typedef enum counted { TOKEN, SERVICE, NCOUNTED } counted;

static const struct {
    const char *flag, *label, *what, *each;
} limits[NLIMITS] = {
    [PUSH_RATE] = {"-limits.push-rate", "push_rate", "pushes", "a second"},
    [PUSH_BYTES] = {"-limits.push-bytes", "push_bytes", "bytes", "a second"},
    [QUERIES] = {"-limits.query-concurrency", "query_concurrency", "queries", "at once"},
};
static const char *const counted_names[NCOUNTED] = {"token", "service"};

/* What a token or a service uses. */
typedef struct usage {
    int64_t full[2];  /* when the buckets PUSH_RATE and PUSH_BYTES are full again, pf_clock_mono */
    unsigned queries; /* that run */
    bool looked_at;   /* by the call that is under way: must not be forgotten meanwhile */
} usage;

struct pf_limits {
    int64_t most[NLIMITS]; /* 0: off */
    pf_metric *refused[NLIMITS][NCOUNTED];
    pthread_mutex_t lock; /* guards recent and what is in it */
    pf_recent *recent;
};

static double read_push_rate(void *ctx)
{
    return (double)((pf_limits *)ctx)->most[PUSH_RATE];
}

static double read_push_bytes(void *ctx)
{
    return (double)((pf_limits *)ctx)->most[PUSH_BYTES];
}

static double read_queries(void *ctx)
{
    return (double)((pf_limits *)ctx)->most[QUERIES];
}

static bool start_metrics(pf_limits *l)
{
    pf_metric_family *f = pf_metrics_family(
        "profefe_limits_refused_total",
        "Pushes and queries over a limit of their token or service.", PF_COUNTER, NULL, 0);
    bool fine = f != NULL;
    for (int i = 0; fine && i < NLIMITS; i++)
        for (int k = 0; fine && k < NCOUNTED; k++) {
            char labels[64];
            snprintf(labels, sizeof labels, "limit=\"%s\",of=\"%s\"", limits[i].label,
                     counted_names[k]);
            l->refused[i][k] = pf_metric_series(f, labels);
            fine = l->refused[i][k] != NULL;
        }
    pf_metrics_callback("profefe_limits_push_rate",
                        "Pushes a second that a token, or a service, may make; 0: any.", PF_GAUGE,
                        read_push_rate, l);
    pf_metrics_callback("profefe_limits_push_bytes",
                        "Bytes a second that a token, or a service, may push; 0: any.", PF_GAUGE,
                        read_push_bytes, l);
    pf_metrics_callback("profefe_limits_query_concurrency",
                        "Queries that a token, or a service, may have at once; 0: any.", PF_GAUGE,
                        read_queries, l);
    return fine;
}

pf_code pf_limits_new(const pf_limits_config *cfg, pf_limits **out, pf_error *err)
{
    const int64_t most[NLIMITS] = {cfg->push_rate, cfg->push_bytes, cfg->query_concurrency};
    pf_limits *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l)
        return pf_fail_nomem(err, "the limits");
    for (int i = 0; i < NLIMITS; i++)
        l->most[i] = most[i] > 0 ? most[i] : 0;
    pthread_mutex_init(&l->lock, NULL);
    l->recent = pf_recent_new(PF_LIMITS_KEYS, sizeof(usage));
    if (!l->recent || !start_metrics(l)) {
        pf_limits_free(l);
        return pf_fail_nomem(err, "the limits");
    }
    *out = l;
    return PF_OK;
}

void pf_limits_free(pf_limits *l)
{
    if (!l)
        return;
    pf_metrics_forget(l);
    pf_recent_free(l->recent);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- Who is counted. All of this is called with the lock held. */

static bool has_no_query(const void *value, void *ctx)
{
    const usage *u = value;
    (void)ctx;
    return !u->queries && !u->looked_at;
}

static bool is_idle(const void *value, void *ctx)
{
    const usage *u = value;
    int64_t now = *(const int64_t *)ctx;
    return has_no_query(value, NULL) && u->full[PUSH_RATE] <= now && u->full[PUSH_BYTES] <= now;
}

/* NULL: everybody who is remembered has a query running. */
static usage *usage_of(pf_limits *l, counted who, pf_str name, int64_t now)
{
    pf_hash key = pf_recent_key(l->recent, who == TOKEN ? 't' : 's', name);
    usage *u = pf_recent_find(l->recent, key);
    if (!u)
        u = pf_recent_add(l->recent, key, is_idle, &now);
    if (!u)
        u = pf_recent_add(l->recent, key, has_no_query, NULL);
    return u;
}

static pf_code refuse(pf_limits *l, limit which, counted who, pf_str name, pf_error *err)
{
    pf_metric_add(l->refused[which][who], 1);
    if (name.n > NAME_SHOWN_MAX)
        name.n = NAME_SHOWN_MAX;
    return pf_fail(err, PF_RATE_LIMIT, "too many %s: %s \"%.*s\" may have %lld %s (%s)",
                   limits[which].what, counted_names[who], PF_FMT(name), (long long)l->most[which],
                   limits[which].each, limits[which].flag);
}

static pf_code refuse_uncounted(pf_limits *l, limit which, counted who, pf_error *err)
{
    pf_metric_add(l->refused[which][who], 1);
    return pf_fail(err, PF_RATE_LIMIT,
                   "too many tokens and services have queries running (%s counts %d)",
                   limits[QUERIES].flag, PF_LIMITS_KEYS);
}

/* ---- Pushes */

/* How long a bucket takes to get so much. */
static int64_t cost_of(uint64_t amount, int64_t rate)
{
    const int64_t most = INT64_MAX / 4; /* 73 years: sums stay in range */
    unsigned __int128 ns = (unsigned __int128)amount * (uint64_t)PF_NS_PER_SEC / (uint64_t)rate;
    return ns < (unsigned __int128)most ? (int64_t)ns : most;
}

/* How long until a bucket has that much, or is full. */
static int64_t wait_for(int64_t full, int64_t cost, int64_t now)
{
    int64_t debt = full > now ? full - now : 0;
    int64_t room = cost < PF_NS_PER_SEC ? PF_NS_PER_SEC - cost : 0;
    return debt > room ? debt - room : 0;
}

static pf_code check_push(pf_limits *l, const usage *u, counted who, pf_str name,
                          const int64_t cost[2], int64_t now, int64_t *retry_after_s, pf_error *err)
{
    pf_code code = PF_OK;
    for (int i = PUSH_RATE; i <= PUSH_BYTES; i++) {
        int64_t wait = l->most[i] ? wait_for(u->full[i], cost[i], now) : 0;
        int64_t seconds = (wait + PF_NS_PER_SEC - 1) / PF_NS_PER_SEC;
        if (seconds > *retry_after_s)
            *retry_after_s = seconds;
        if (wait && !code)
            code = refuse(l, (limit)i, who, name, err);
    }
    return code;
}

/* Takes nothing before both have enough. */
static pf_code take_push(pf_limits *l, const pf_str names[NCOUNTED], const int64_t cost[2],
                         int64_t now, int64_t *retry_after_s, pf_error *err)
{
    usage *users[NCOUNTED] = {NULL};
    pf_code code = PF_OK;
    for (int who = 0; who < NCOUNTED && !code; who++) {
        if (!names[who].n)
            continue;
        users[who] = usage_of(l, (counted)who, names[who], now);
        if (!users[who]) {
            *retry_after_s = 1;
            code =
                refuse_uncounted(l, l->most[PUSH_RATE] ? PUSH_RATE : PUSH_BYTES, (counted)who, err);
            break;
        }
        users[who]->looked_at = true;
        code = check_push(l, users[who], (counted)who, names[who], cost, now, retry_after_s, err);
    }
    for (int who = 0; who < NCOUNTED; who++) {
        usage *u = users[who];
        if (!u)
            continue;
        u->looked_at = false;
        for (int i = PUSH_RATE; i <= PUSH_BYTES && !code; i++)
            u->full[i] = (u->full[i] > now ? u->full[i] : now) + cost[i];
    }
    return code;
}

pf_code pf_limits_push(pf_limits *l, pf_str token, pf_str service, size_t bytes, int64_t now_mono,
                       int64_t *retry_after_s, pf_error *err)
{
    *retry_after_s = 0;
    if (!l->most[PUSH_RATE] && !l->most[PUSH_BYTES])
        return PF_OK;
    const pf_str names[NCOUNTED] = {token, service};
    const int64_t cost[2] = {
        l->most[PUSH_RATE] ? cost_of(1, l->most[PUSH_RATE]) : 0,
        l->most[PUSH_BYTES] ? cost_of(bytes, l->most[PUSH_BYTES]) : 0,
    };
    pthread_mutex_lock(&l->lock);
    pf_code code = take_push(l, names, cost, now_mono, retry_after_s, err);
    pthread_mutex_unlock(&l->lock);
    return code;
}

/* ---- Queries */

static pf_code count_query(pf_limits *l, const pf_str names[NCOUNTED], int64_t now,
                           pf_limits_query *q, pf_error *err)
{
    for (int who = 0; who < NCOUNTED; who++) {
        if (!names[who].n)
            continue;
        usage *u = usage_of(l, (counted)who, names[who], now);
        if (!u)
            return refuse_uncounted(l, QUERIES, (counted)who, err);
        if (u->queries >= l->most[QUERIES])
            return refuse(l, QUERIES, (counted)who, names[who], err);
        u->queries++;
        q->counted[who] = u;
    }
    return PF_OK;
}

static void uncount_query(pf_limits_query *q)
{
    for (int who = 0; who < NCOUNTED; who++) {
        usage *u = q->counted[who];
        if (u)
            u->queries--;
        q->counted[who] = NULL;
    }
}

pf_code pf_limits_query_begin(pf_limits *l, pf_str token, pf_str service, int64_t now_mono,
                              pf_limits_query *q, pf_error *err)
{
    *q = (pf_limits_query){0};
    if (!l->most[QUERIES])
        return PF_OK;
    const pf_str names[NCOUNTED] = {token, service};
    pthread_mutex_lock(&l->lock);
    pf_code code = count_query(l, names, now_mono, q, err);
    if (code)
        uncount_query(q);
    pthread_mutex_unlock(&l->lock);
    return code;
}

void pf_limits_query_end(pf_limits *l, pf_limits_query *q)
{
    if (!q->counted[TOKEN] && !q->counted[SERVICE])
        return;
    pthread_mutex_lock(&l->lock);
    uncount_query(q);
    pthread_mutex_unlock(&l->lock);
}
