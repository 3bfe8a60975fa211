#include "cmd/bench/report.h"

#include "cmd/bench/fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 36 }; /* columns */

/* Rows of one name and server, put together. */
typedef struct sum {
    size_t rounds, calls, wrong;
    double wall, cpu;           /* ns */
    double written;             /* bytes */
    double p50, p99, mean, max; /* ns */
    double rss, rss_peak, disk, disk_length;
    double disk_bytes, pushed_bytes, profiles;
    double kept_cpu, held, held_bytes;
} sum;

pf_code bench_report_add_take(bench_report *r, bench_row *row, pf_error *err)
{
    bench_row *kept = malloc(sizeof *kept);
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        bench_row **rows = reallocarray(r->rows, cap, sizeof(bench_row *));
        if (rows) {
            r->rows = rows;
            r->cap = cap;
        }
    }
    if (!kept || r->n == r->cap) {
        free(kept);
        bench_phase_free(&row->phase);
        return pf_fail_nomem(err, "report");
    }
    *kept = *row;
    r->rows[r->n++] = kept;
    row->phase = (bench_phase){0};
    bench_phase *p = &kept->phase;
    if (r->live)
        fprintf(stderr, "%c round %u  %-34s %8zu calls in %8.3f s, p50 %9.3f ms%s%s\n",
                'A' + (int)kept->target, kept->round, kept->name, p->calls,
                (double)p->wall_ns / 1e9,
                (double)bench_latency_percentile(&p->latency[0], 50) / 1e6,
                p->wrong ? "  WRONG: " : "", p->wrong ? p->first_wrong.msg : "");
    return PF_OK;
}

static void highest(double *into, double v)
{
    *into = v > *into ? v : *into;
}

static sum sum_of(const bench_report *r, const char *name, unsigned target)
{
    sum s = {0};
    bench_latency all = {0};
    for (size_t i = 0; i < r->n; i++) {
        const bench_row *row = r->rows[i];
        if (row->target != target || strcmp(row->name, name) != 0)
            continue;
        s.rounds++;
        s.calls += row->phase.calls;
        s.wrong += row->phase.wrong;
        s.wall += (double)row->phase.wall_ns;
        s.cpu += (double)row->phase.cpu_ns;
        s.written += (double)row->phase.written;
        s.disk_bytes += (double)row->disk_bytes;
        s.pushed_bytes += (double)row->pushed_bytes;
        s.profiles += (double)row->profiles;
        s.kept_cpu += (double)row->kept_cpu_ns;
        s.held += (double)row->held;
        s.held_bytes += (double)row->held_bytes;
        highest(&s.rss, (double)row->rss);
        highest(&s.rss_peak, (double)row->phase.rss_peak);
        highest(&s.disk, (double)row->disk.allocated);
        highest(&s.disk_length, (double)row->disk.length);
        for (int k = 0; k < BENCH_KINDS; k++)
            bench_latency_merge(&all, &row->phase.latency[k]);
    }
    s.p50 = (double)bench_latency_percentile(&all, 50);
    s.p99 = (double)bench_latency_percentile(&all, 99);
    s.max = (double)bench_latency_percentile(&all, 100);
    s.mean = (double)bench_latency_mean(&all);
    bench_latency_free(&all);
    return s;
}

/* True when no earlier row has the i-th one's name. */
static bool is_first(const bench_report *r, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(r->rows[j]->name, r->rows[i]->name) == 0)
            return false;
    return true;
}

static double per(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* Three significant digits or all before the point, in `width` columns; '-' for nothing. */
static void put_number(pf_buf *out, double v, int width)
{
    if (!(v > 0) || !isfinite(v))
        pf_buf_printf(out, "%*s", width, "-");
    else
        pf_buf_printf(out, "%*.*f", width, v < 1 ? 3 : v < 10 ? 2 : v < 100 ? 1 : 0, v);
}

static void put_sum(pf_buf *out, const char *name, const char *server, const sum *s)
{
    pf_buf_printf(out, "%-*s %-3s%9zu", NAME, name, server, s->calls);
    put_number(out, per((double)s->calls, s->wall / 1e9), 11);
    put_number(out, s->p50 / 1e6, 10);
    put_number(out, s->p99 / 1e6, 10);
    put_number(out, s->max / 1e6, 10);
    put_number(out, per(s->cpu / 1e6, (double)s->calls), 12);
    put_number(out, per(s->written / 1e3, (double)s->calls), 14);
    put_number(out, s->rss_peak / 1e6, 10);
    put_number(out, s->disk / 1e6, 10);
    if (s->wrong)
        pf_buf_printf(out, "  %zu wrong", s->wrong);
    pf_buf_putc(out, '\n');
}

static void put_disk(pf_buf *out, const char *server, const sum *s)
{
    double stored = per(s->disk_bytes, s->profiles), pushed = per(s->pushed_bytes, s->profiles);
    if (stored > 0)
        pf_buf_printf(out, "%-*s %-3s %.0f bytes on disk a profile, %.0f as pushed: 1/%.1f\n", NAME,
                      "", server, stored, pushed, pushed / stored);
}

static void put_connections(pf_buf *out, const char *server, const sum *s)
{
    if (s->kept_cpu > 0)
        pf_buf_printf(out, "%-*s %-3s %.3f ms CPU a connection, beside its call\n", NAME, "",
                      server, (s->cpu - s->kept_cpu) / (double)s->calls / 1e6);
    if (s->held > 0)
        pf_buf_printf(out, "%-*s %-3s %.0f connections: %.1f MB more, %.1f KB each\n", NAME, "",
                      server, s->held / (double)s->rounds, s->held_bytes / (double)s->rounds / 1e6,
                      s->held_bytes / s->held / 1e3);
}

/* What the scenarios say themselves, a line a round. */
static void put_notes(const bench_report *r, const char *name, unsigned target, pf_buf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const bench_row *row = r->rows[i];
        if (row->target == target && *row->note && strcmp(row->name, name) == 0)
            pf_buf_printf(out, "%-*s %c   %s\n", NAME, "", 'A' + (int)target, row->note);
    }
}

static void put_ratio(pf_buf *out, const sum *a, const sum *b)
{
    pf_buf_printf(out, "%-*s %-3s%9s", NAME, "", "B/A", "");
    put_number(out, per(per((double)a->calls, a->wall), per((double)b->calls, b->wall)), 11);
    put_number(out, per(b->p50, a->p50), 10);
    put_number(out, per(b->p99, a->p99), 10);
    put_number(out, per(b->max, a->max), 10);
    put_number(out, per(per(b->cpu, (double)b->calls), per(a->cpu, (double)a->calls)), 12);
    put_number(out, per(per(b->written, (double)b->calls), per(a->written, (double)a->calls)), 14);
    put_number(out, per(b->rss_peak, a->rss_peak), 10);
    put_number(out, a->disk_bytes > 0 ? per(b->disk_bytes, a->disk_bytes) : per(b->disk, a->disk),
               10);
    pf_buf_putc(out, '\n');
}

void bench_report_table(const bench_report *r, pf_buf *out)
{
    pf_buf_printf(out, "%-*s %-3s%9s%11s%10s%10s%10s%12s%14s%10s%10s\n", NAME, "scenario", "",
                  "calls", "calls/s", "p50 ms", "p99 ms", "max ms", "CPU ms/call", "wrote KB/call",
                  "peak MB", "disk MB");
    for (size_t i = 0; i < r->n; i++) {
        if (!is_first(r, i))
            continue;
        sum s[BENCH_TARGETS] = {0};
        bool both = r->targets == 2;
        for (unsigned t = 0; t < r->targets; t++) {
            s[t] = sum_of(r, r->rows[i]->name, t);
            both = both && s[t].rounds;
            if (s[t].rounds)
                put_sum(out, t == 0 || !s[0].rounds ? r->rows[i]->name : "", t == 0 ? "A" : "B",
                        &s[t]);
        }
        if (both)
            put_ratio(out, &s[0], &s[1]);
        for (unsigned t = 0; t < r->targets; t++) {
            const char *server = t == 0 ? "A" : "B";
            if (s[t].rounds) {
                put_disk(out, server, &s[t]);
                put_connections(out, server, &s[t]);
                put_notes(r, r->rows[i]->name, t, out);
            }
        }
    }
}

static void put_member(pf_buf *out, const char *name, double v)
{
    pf_buf_printf(out, ",\"%s\":%.0f", name, v);
}

static void put_row_json(pf_buf *out, const bench_row *row)
{
    bench_latency all = {0};
    for (int k = 0; k < BENCH_KINDS; k++)
        bench_latency_merge(&all, &row->phase.latency[k]);
    pf_buf_puts(out, "{\"scenario\":");
    pf_buf_put_json(out, pf_str_c(row->name));
    pf_buf_printf(out, ",\"server\":\"%c\"", 'A' + (int)row->target);
    put_member(out, "round", row->round);
    put_member(out, "calls", (double)row->phase.calls);
    put_member(out, "wrong", (double)row->phase.wrong);
    put_member(out, "wall_ns", (double)row->phase.wall_ns);
    put_member(out, "cpu_ns", (double)row->phase.cpu_ns);
    put_member(out, "written_bytes", (double)row->phase.written);
    put_member(out, "p50_ns", (double)bench_latency_percentile(&all, 50));
    put_member(out, "p99_ns", (double)bench_latency_percentile(&all, 99));
    put_member(out, "max_ns", (double)bench_latency_percentile(&all, 100));
    put_member(out, "mean_ns", (double)bench_latency_mean(&all));
    put_member(out, "sent_bytes", (double)row->phase.sent);
    put_member(out, "received_bytes", (double)row->phase.received);
    put_member(out, "rss_bytes", (double)row->rss);
    put_member(out, "rss_peak_bytes", (double)row->phase.rss_peak);
    put_member(out, "disk_allocated_bytes", (double)row->disk.allocated);
    put_member(out, "disk_length_bytes", (double)row->disk.length);
    if (row->disk_bytes) {
        put_member(out, "disk_delta_bytes", (double)row->disk_bytes);
        put_member(out, "pushed_bytes", (double)row->pushed_bytes);
        put_member(out, "profiles", (double)row->profiles);
    }
    if (row->kept_cpu_ns)
        put_member(out, "kept_cpu_ns", (double)row->kept_cpu_ns);
    if (row->held) {
        put_member(out, "held_connections", (double)row->held);
        put_member(out, "held_bytes", (double)row->held_bytes);
    }
    if (row->seconds) {
        put_member(out, "per_second_before", row->before);
        pf_buf_puts(out, ",\"ended_in_second\":[");
        for (int k = 0; k < row->seconds; k++)
            pf_buf_printf(out, "%s%u", k ? "," : "", row->ended[k]);
        pf_buf_putc(out, ']');
    }
    if (*row->note) {
        pf_buf_puts(out, ",\"note\":");
        pf_buf_put_json(out, pf_str_c(row->note));
    }
    pf_buf_putc(out, '}');
    bench_latency_free(&all);
}

static void put_sum_json(pf_buf *out, const char *name, unsigned target, const sum *s)
{
    pf_buf_puts(out, "{\"scenario\":");
    pf_buf_put_json(out, pf_str_c(name));
    pf_buf_printf(out, ",\"server\":\"%c\"", 'A' + (int)target);
    put_member(out, "rounds", (double)s->rounds);
    put_member(out, "calls", (double)s->calls);
    put_member(out, "wrong", (double)s->wrong);
    pf_buf_printf(out, ",\"calls_per_second\":%.3f", per((double)s->calls, s->wall / 1e9));
    put_member(out, "p50_ns", s->p50);
    put_member(out, "p99_ns", s->p99);
    put_member(out, "max_ns", s->max);
    put_member(out, "mean_ns", s->mean);
    put_member(out, "cpu_ns_per_call", per(s->cpu, (double)s->calls));
    put_member(out, "written_bytes_per_call", per(s->written, (double)s->calls));
    put_member(out, "rss_peak_bytes", s->rss_peak);
    put_member(out, "disk_allocated_bytes", s->disk);
    if (s->disk_bytes > 0) {
        put_member(out, "disk_bytes_per_profile", per(s->disk_bytes, s->profiles));
        put_member(out, "pushed_bytes_per_profile", per(s->pushed_bytes, s->profiles));
    }
    if (s->kept_cpu > 0)
        put_member(out, "cpu_ns_per_connection", per(s->cpu - s->kept_cpu, (double)s->calls));
    if (s->held > 0)
        put_member(out, "bytes_per_connection", per(s->held_bytes, s->held));
    pf_buf_putc(out, '}');
}

void bench_report_json(const bench_report *r, pf_str setting, pf_buf *out)
{
    pf_buf_printf(out, "{\"setting\":{%.*s},\"summary\":[", PF_FMT(setting));
    bool some = false;
    for (size_t i = 0; i < r->n; i++) {
        for (unsigned t = 0; is_first(r, i) && t < r->targets; t++) {
            sum s = sum_of(r, r->rows[i]->name, t);
            if (!s.rounds)
                continue;
            pf_buf_puts(out, some ? ",\n" : "\n");
            put_sum_json(out, r->rows[i]->name, t, &s);
            some = true;
        }
    }
    pf_buf_puts(out, "],\"rows\":[");
    for (size_t i = 0; i < r->n; i++) {
        pf_buf_puts(out, i ? ",\n" : "\n");
        put_row_json(out, r->rows[i]);
    }
    pf_buf_puts(out, "]}\n");
}

size_t bench_report_wrong(const bench_report *r, unsigned target, pf_error *why)
{
    size_t wrong = 0;
    for (size_t i = 0; i < r->n; i++) {
        const bench_row *row = r->rows[i];
        if (row->target != target || !row->phase.wrong)
            continue;
        if (!wrong)
            pf_fail(why, PF_INTERNAL, "%s: %.400s", row->name, row->phase.first_wrong.msg);
        wrong += row->phase.wrong;
    }
    return wrong;
}

void bench_report_free(bench_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        bench_phase_free(&r->rows[i]->phase);
        free(r->rows[i]);
    }
    free(r->rows);
    *r = (bench_report){0};
}
