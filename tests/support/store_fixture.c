#include "support/store_fixture.h"

#include "pprof/gzip.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char *fx_make_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/profefe-test-XXXXXX", base && *base ? base : "/tmp") < 0 ||
        !mkdtemp(path))
        fail_msg("can't make a temporary directory");
    return path;
}

static int remove_entry(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st;
    (void)what;
    (void)at;
    return remove(path);
}

void fx_remove_dir(char *dir)
{
    if (dir)
        nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

pf_buf fx_gzip(const char *text)
{
    pf_buf out = PF_BUF_INIT;
    pf_error err;
    if (pf_gzip(pf_str_c(text), 1, &out, &err))
        fail_msg("gzip: %s", err.msg);
    return out;
}

pf_labels fx_labels(pf_arena *a, const char *text)
{
    pf_labels labels = {0};
    pf_error err;
    if (text && *text && pf_labels_parse(pf_str_c(text), a, &labels, &err))
        fail_msg("labels: %s", err.msg);
    return labels;
}

pf_code fx_write(pf_store *s, const char *service, pf_type type, const char *labels,
                 int64_t created_at, const char *body, char id[PF_ID_MAX + 1], pf_error *err)
{
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_buf gz = type == PF_TYPE_TRACE ? PF_BUF_INIT : fx_gzip(body);
    pf_write w = {.meta = {.service = pf_str_c(service),
                           .type = type,
                           .labels = fx_labels(&a, labels),
                           .created_at = created_at},
                  .body = type == PF_TYPE_TRACE ? pf_str_c(body) : pf_buf_str(&gz),
                  .arena = &a};
    if (type != PF_TYPE_TRACE)
        w.inflated = pf_str_c(body);
    pf_code code = pf_store_write_wait(s, &w, err);
    if (!code && id)
        strcpy(id, w.id);
    pf_buf_free(&gz);
    pf_arena_free(&a);
    return code;
}

typedef struct collecting {
    fx_found *found;
    size_t cap;
} collecting;

static bool collect(void *ctx, const pf_meta *meta)
{
    collecting *c = ctx;
    fx_found *f = c->found;
    if (f->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        f->list = realloc(f->list, c->cap * sizeof *f->list);
        assert_non_null(f->list);
    }
    struct fx_meta *m = &f->list[f->n++];
    snprintf(m->id, sizeof m->id, "%.*s", PF_FMT(meta->id));
    m->created_at = meta->created_at;
    m->type = meta->type;
    size_t at = 0;
    m->labels[0] = 0;
    for (size_t i = 0; i < meta->labels.n && at < sizeof m->labels; i++)
        at += (size_t)snprintf(m->labels + at, sizeof m->labels - at, "%s%.*s=%.*s", i ? "," : "",
                               PF_FMT(meta->labels.pairs[i].key),
                               PF_FMT(meta->labels.pairs[i].value));
    return true;
}

fx_found fx_find(pf_store *s, const char *service, pf_type type, const char *labels, int64_t from,
                 int64_t to, int64_t limit, size_t page)
{
    fx_found found = {0};
    collecting c = {&found, 0};
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    pf_query q = {.service = pf_str_c(service),
                  .type = type,
                  .labels = fx_labels(&a, labels),
                  .from = from,
                  .to = to,
                  .limit = limit};
    pf_find_pos pos = {0};
    pf_error err;
    while (!pos.finished) {
        size_t before = found.n;
        if (pf_store_find(s, &q, &pos, page, NULL, collect, &c, &err))
            fail_msg("find: %s", err.msg);
        assert_true(found.n - before <= page);
    }
    pf_arena_free(&a);
    return found;
}

void fx_found_free(fx_found *f)
{
    free(f->list);
    *f = (fx_found){0};
}

bool fx_reads_back(pf_store *s, const char *id, const char *body)
{
    pf_blob blob;
    pf_error err;
    if (pf_store_read(s, pf_str_c(id), NULL, &blob, &err)) {
        print_error("read %s: %s\n", id, err.msg);
        return false;
    }
    pf_str got = pf_buf_str(&blob.bytes);
    pf_arena a;
    pf_arena_init(&a, NULL, 0);
    bool same = blob.type == PF_TYPE_TRACE || !pf_gunzip(got, 1 << 28, &a, &got, &err);
    same = same && pf_str_eq(got, pf_str_c(body));
    pf_arena_free(&a);
    pf_buf_free(&blob.bytes);
    return same;
}
