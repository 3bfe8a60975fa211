#include "cmd/bench/fleet.h"

#include "base/clock.h"
#include "cmd/bench/emit.h"
#include "pprof/gzip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAKERS_MAX = 16 };
static const int64_t service_offset = 7 * PF_NS_PER_MS, duration = 2 * PF_NS_PER_SEC + 130458630;

pf_str bench_fleet_service(const bench_fleet *f, uint32_t service, char out[static BENCH_NAME])
{
    int n = snprintf(out, BENCH_NAME, "%s-%u", f->conf.prefix, service);
    return (pf_str){out, n < BENCH_NAME ? (size_t)n : BENCH_NAME - 1};
}

pf_labels bench_fleet_labels(uint32_t host, bench_labels *store)
{
    static const char *const regions[] = {"eu-central-1", "eu-west-1", "us-east-1", "ap-south-1"};
    int n = snprintf(store->host, sizeof store->host, "host-%03u", host);
    store->pairs[0] = (pf_pair){PF_STR("host"), {store->host, (size_t)n}};
    store->pairs[1] = (pf_pair){PF_STR("region"), pf_str_c(regions[host % 4])};
    store->pairs[2] = (pf_pair){PF_STR("version"), PF_STR("1.18.3")};
    return (pf_labels){store->pairs, BENCH_LABELS};
}

int64_t bench_fleet_time(const bench_fleet *f, size_t i)
{
    size_t services = f->conf.services;
    return f->conf.begin + (int64_t)(i / services) * f->conf.step +
           (int64_t)(i % services) * service_offset;
}

static bool is_of(const bench_fleet *f, const bench_selection *s, size_t i)
{
    if (s->host != UINT32_MAX && (i / f->conf.services) % f->conf.hosts != s->host)
        return false;
    return s->target == BENCH_TARGETS || f->ids[s->target][i];
}

bool bench_fleet_next(const bench_fleet *f, bench_selection *s, size_t *i)
{
    if (!s->next) { /* straight to the first that may be late enough */
        int64_t skipped = s->from > f->conf.begin ? (s->from - f->conf.begin) / f->conf.step : 0;
        size_t made = f->made / f->conf.services + 1;
        s->next = (size_t)skipped > made ? made : (size_t)skipped;
        s->next = s->next * f->conf.services + s->service + 1; /* +1: 0 stands for "not begun" */
    }
    while (s->next <= f->made) {
        size_t at = s->next - 1;
        int64_t time = bench_fleet_time(f, at);
        s->next += f->conf.services;
        if (time > s->to)
            break;
        if (time >= s->from && is_of(f, s, at)) {
            *i = at;
            return true;
        }
    }
    s->next = SIZE_MAX;
    return false;
}

size_t bench_fleet_count(const bench_fleet *f, bench_selection s, bench_total *total)
{
    size_t count = 0, i;
    *total = (bench_total){0};
    while (bench_fleet_next(f, &s, &i)) {
        count++;
        total->first += f->totals[i].first;
        total->last += f->totals[i].last;
    }
    return count;
}

pf_code bench_fleet_new(const bench_fleet_config *conf, bench_fleet **out, pf_error *err)
{
    bench_fleet *f = calloc(1, sizeof *f);
    if (!f)
        return pf_fail_nomem(err, "services");
    f->conf = *conf;
    snprintf(f->prefix, sizeof f->prefix, "%s", conf->prefix);
    f->conf.prefix = f->prefix;
    f->programs = calloc(conf->services, sizeof(bench_program *));
    bool ok = f->programs != NULL;
    for (uint32_t s = 0; ok && !conf->corpus && s < conf->services; s++) {
        char name[BENCH_NAME];
        bench_fleet_service(f, s, name);
        f->programs[s] = bench_program_new(conf->seed, s, name, conf->samples);
        ok = f->programs[s] != NULL;
    }
    if (!ok) {
        bench_fleet_free(f);
        return pf_fail_nomem(err, "services");
    }
    *out = f;
    return PF_OK;
}

void bench_fleet_free(bench_fleet *f)
{
    if (!f)
        return;
    for (uint32_t s = 0; f->programs && s < f->conf.services; s++)
        bench_program_free(f->programs[s]);
    free(f->programs);
    free(f->totals);
    for (int t = 0; t < BENCH_TARGETS; t++) {
        for (size_t i = 0; f->ids[t] && i < f->made; i++)
            free(f->ids[t][i]);
        free(f->ids[t]);
    }
    free(f);
}

/* One maker's share of a batch: the services whose number mod `makers` is `number`. */
typedef struct maker {
    bench_fleet *f;
    bench_batch *b;
    unsigned number, makers;
    pf_error err;
    pthread_t thread;
} maker;

/* What a generated profile adds up to that has caught `hits` samples. */
static bench_total emitted(uint64_t hits)
{
    return (bench_total){(int64_t)hits, (int64_t)hits * BENCH_PERIOD_NS};
}

static pf_code make_generated(bench_fleet *f, uint32_t service, bench_body *body, pf_buf *raw,
                              pf_error *err)
{
    bench_program *p = f->programs[service];
    pf_buf_clear(raw);
    if (!bench_program_next(p))
        return pf_fail_nomem(err, "profile");
    f->totals[body->i] = emitted(bench_emit(p, bench_fleet_time(f, body->i), duration, raw));
    if (raw->failed)
        return pf_fail_nomem(err, "profile");
    return pf_gzip(pf_buf_str(raw), 1, &body->bytes, err);
}

static pf_code make_from_file(bench_fleet *f, bench_body *body, pf_error *err)
{
    const bench_corpus *c = f->conf.corpus;
    const bench_file *file = &c->files[(body->i / f->conf.services) % c->n];
    f->totals[body->i] = file->total;
    if (!f->conf.as_is)
        return bench_corpus_retime(file, bench_fleet_time(f, body->i), &body->bytes, err);
    pf_buf_put_str(&body->bytes, file->bytes);
    return body->bytes.failed ? pf_fail_nomem(err, "profile") : PF_OK;
}

static void *make_share(void *arg)
{
    maker *m = arg;
    pf_buf raw = PF_BUF_INIT;
    pf_code code = PF_OK;
    for (size_t k = 0; !code && k < m->b->n; k++) {
        bench_body *body = &m->b->v[k];
        uint32_t service = (uint32_t)(body->i % m->f->conf.services);
        /* By turns of the batch where services share nothing (files), else by service. */
        if ((m->f->conf.corpus ? k : service) % m->makers != m->number)
            continue;
        pf_buf_clear(&body->bytes);
        code = m->f->conf.corpus ? make_from_file(m->f, body, &m->err)
                                 : make_generated(m->f, service, body, &raw, &m->err);
    }
    pf_buf_free(&raw);
    return NULL;
}

/* Room for `n` more profiles in everything that is kept of each. */
static bool fleet_room(bench_fleet *f, size_t n)
{
    size_t cap = f->made + n;
    if (cap <= f->cap)
        return true;
    cap += cap / 2;
    bench_total *totals = reallocarray(f->totals, cap, sizeof *totals);
    if (!totals)
        return false;
    f->totals = totals;
    for (int t = 0; t < BENCH_TARGETS; t++) {
        char **ids = reallocarray(f->ids[t], cap, sizeof *ids);
        if (!ids)
            return false;
        memset(ids + f->cap, 0, (cap - f->cap) * sizeof *ids);
        f->ids[t] = ids;
    }
    f->cap = cap;
    return true;
}

static bool batch_room(bench_batch *b, size_t n)
{
    if (n > b->cap) {
        bench_body *v = reallocarray(b->v, n, sizeof *v);
        if (!v)
            return false;
        memset(v + b->cap, 0, (n - b->cap) * sizeof *v);
        b->v = v;
        b->cap = n;
    }
    b->n = n;
    return true;
}

static pf_code run_makers(bench_fleet *f, bench_batch *b, unsigned threads, pf_error *err)
{
    maker makers[MAKERS_MAX];
    unsigned started = 0;
    threads = threads < 1 ? 1 : threads > MAKERS_MAX ? MAKERS_MAX : threads;
    for (unsigned t = 0; t < threads; t++)
        makers[t] = (maker){.f = f, .b = b, .number = t, .makers = threads};
    while (started + 1 < threads &&
           pthread_create(&makers[started].thread, NULL, make_share, &makers[started]) == 0)
        started++;
    for (unsigned t = started; t < threads; t++) /* the last one, and those without a thread */
        make_share(&makers[t]);
    pf_code code = PF_OK;
    for (unsigned t = 0; t < threads; t++) {
        if (t < started)
            pthread_join(makers[t].thread, NULL);
        if (!code && makers[t].err.code)
            code = pf_fail(err, makers[t].err.code, "%s", makers[t].err.msg);
    }
    return code;
}

pf_code bench_fleet_make(bench_fleet *f, size_t n, unsigned threads, bench_batch *b, pf_error *err)
{
    if (!fleet_room(f, n) || !batch_room(b, n))
        return pf_fail_nomem(err, "batch of profiles");
    for (size_t k = 0; k < n; k++)
        b->v[k].i = f->made + k;
    pf_code code = run_makers(f, b, threads, err);
    if (code)
        return code;
    b->bytes = 0;
    for (size_t k = 0; k < n; k++)
        b->bytes += (int64_t)b->v[k].bytes.len;
    f->bytes += b->bytes;
    f->made += n;
    return PF_OK;
}

void bench_batch_free(bench_batch *b)
{
    for (size_t k = 0; k < b->cap; k++)
        pf_buf_free(&b->v[k].bytes);
    free(b->v);
    *b = (bench_batch){0};
}

pf_code bench_corpus_generate(uint64_t seed, uint32_t samples, size_t n, bench_corpus *out,
                              pf_error *err)
{
    *out = (bench_corpus){0};
    pf_arena_init(&out->arena, NULL, 0);
    bench_program *p = bench_program_new(seed, 0, "cycled", samples);
    out->files = calloc(n ? n : 1, sizeof *out->files);
    pf_buf raw = PF_BUF_INIT, gz = PF_BUF_INIT;
    pf_code code = p && out->files ? PF_OK : pf_fail_nomem(err, "profiles");
    for (; p && out->files && !code && out->n < n; out->n++) {
        bench_file *f = &out->files[out->n];
        pf_buf_clear(&raw);
        pf_buf_clear(&gz);
        if (!bench_program_next(p)) {
            code = pf_fail_nomem(err, "profile");
            break;
        }
        f->total = emitted(bench_emit(p, 0, duration, &raw));
        if ((code = pf_gzip(pf_buf_str(&raw), 1, &gz, err)))
            break;
        out->bytes += (int64_t)gz.len;
        f->before = pf_arena_str(&out->arena, pf_buf_str(&raw));
        f->bytes = pf_arena_str(&out->arena, pf_buf_str(&gz));
        if (raw.failed || !f->before.p || !f->bytes.p)
            code = pf_fail_nomem(err, "profile");
    }
    pf_buf_free(&raw);
    pf_buf_free(&gz);
    bench_program_free(p);
    if (code)
        bench_corpus_free(out);
    return code;
}
