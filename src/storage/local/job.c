#include "storage/local/job.h"

#include "base/log.h"
#include "pprof/gzip.h"
#include "storage/local/checksums.h"
#include "storage/local/external.h"
#include "storage/local/partition.h"

#include <stdlib.h>

enum { GZIP_LEVEL = 4 };
/* Inflated bytes above which a profile stays as it came: making it anew for a reader would take a
 * multiple of them in memory. */
enum { COLUMNS_MAX = 16 << 20 };
enum { ROW_MAX = 1000 * 1000 * 1000 - 4096 }; /* SQLite's longest row, less the other columns */

/* Hashes a profile for the symbol tables; *misfit says why it must be kept as raw bytes instead. */
static pf_code make_content(pf_job *job, const pf_hash_key *key, const char **misfit, pf_error *err)
{
    const pf_write *w = job->write;
    pf_content *c = pf_arena_alloc(w->arena, sizeof *c);
    if (!c)
        return pf_arena_fail(w->arena, err, "a profile's symbols");
    pf_code code = pf_content_of(w->profile, key, w->arena, c, err);
    *misfit = c->misfit;
    if (!code && !c->misfit)
        code = pf_intern_prepare(&job->room, w->profile, c, w->arena, err);
    if (code || c->misfit)
        return code;
    job->kind = PF_KIND_COLUMNS;
    job->content = c;
    return PF_OK;
}

static pf_code make_raw(pf_job *job, pf_error *err)
{
    const pf_write *w = job->write;
    job->kind = PF_KIND_RAW;
    job->row = w->body;
    if (w->meta.type != PF_TYPE_TRACE && !pf_is_gzip(w->body)) {
        pf_code code = pf_gzip(w->body, GZIP_LEVEL, &job->gzip, err);
        if (code)
            return code;
        job->row = pf_buf_str(&job->gzip);
    }
    if (job->row.n > ROW_MAX)
        return pf_fail(err, PF_TOO_LARGE, "a profile of %zu bytes is more than the store can hold",
                       job->row.n);
    return PF_OK;
}

static pf_code make_row(pf_job *job, const pf_hash_key *key, pf_error *err)
{
    const pf_write *w = job->write;
    const char *misfit = "an execution trace";
    if (w->profile && w->inflated.n > COLUMNS_MAX) {
        misfit = "large";
    } else if (w->profile) {
        pf_code code = make_content(job, key, &misfit, err);
        if (code || job->content)
            return code;
    }
    PF_LOG_DEBUG("kept as raw bytes", PF_V("service", w->meta.service), PF_S("why", misfit));
    return make_raw(job, err);
}

static void hash_keys(pf_job *job, const pf_hash_key *key, pf_str series)
{
    job->service_hash = pf_hash_bytes(key, job->write->meta.service.p, job->write->meta.service.n);
    job->series_hash = pf_hash_bytes(key, series.p, series.n);
    job->types_hash = pf_hash_bytes(key, job->types.n ? job->types.p : "", job->types.n);
}

/* text:  | varint service length | service | varint type | labels | types | sums |
 *         \---------------- what names the series ----------------/                   */
static pf_code encode(pf_job *job, const pf_hash_key *key, pf_error *err)
{
    const pf_write *w = job->write;
    pf_buf *b = &job->text;
    pf_buf_put_varint(b, w->meta.service.n);
    pf_buf_put_str(b, w->meta.service);
    pf_buf_put_varint(b, (uint64_t)w->meta.type);
    size_t labels = b->len;
    pf_labels_encode(w->meta.labels, b);
    size_t types = b->len;
    if (w->profile)
        pf_totals_put_types(w->profile, b);
    size_t sums = b->len;
    if (w->profile)
        pf_totals_put_sums(w->profile, b);
    if (b->failed)
        return pf_fail_nomem(err, "write");
    job->labels = (pf_str){b->data + labels, types - labels};
    job->types = (pf_str){b->data + types, sums - types};
    job->sums = (pf_str){b->data + sums, b->len - sums};
    hash_keys(job, key, (pf_str){b->data, types});
    return PF_OK;
}

pf_code pf_job_new(pf_write *w, const pf_hash_key *key, pf_job **out, pf_error *err)
{
    pf_job *job = calloc(1, sizeof *job);
    if (!job)
        return pf_fail_nomem(err, "write");
    job->write = w;
    if (w->external_id.n)
        pf_external_hash(w, job->body_hash);
    pf_code code = make_row(job, key, err);
    if (!code)
        code = encode(job, key, err);
    if (code)
        pf_job_free(job);
    else
        *out = job;
    return code;
}

void pf_job_free(pf_job *job)
{
    if (!job)
        return;
    pf_buf_free(&job->gzip);
    pf_buf_free(&job->text);
    free(job);
}

size_t pf_job_bytes(const pf_job *job)
{
    return (job->content ? job->write->inflated.n : job->row.n) + job->text.len;
}
