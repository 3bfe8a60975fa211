#include "cmd/bench/corpus.h"

#include "pprof/gzip.h"
#include "pprof/profile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20, INFLATED_MAX = 256 << 20, PROFILE_TIME = 9 };

static bool has_sample_type(const pf_profile *p, const char *name)
{
    for (uint32_t i = 0; i < p->nsample_type; i++)
        if (pf_str_eq(p->string[p->sample_type[i].type], pf_str_c(name)))
            return true;
    return false;
}

pf_type bench_type_of(const pf_profile *p)
{
    static const struct {
        const char *sample_type;
        pf_type type;
    } known[] = {
        {"cpu", PF_TYPE_CPU},
        {"inuse_space", PF_TYPE_HEAP},
        {"goroutine", PF_TYPE_GOROUTINE},
        {"threadcreate", PF_TYPE_THREADCREATE},
        {"contentions", PF_TYPE_MUTEX},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (has_sample_type(p, known[i].sample_type))
            return known[i].type;
    return PF_TYPE_OTHER;
}

bench_total bench_total_of(const pf_profile *p)
{
    bench_total t = {0};
    uint32_t types = p->nsample_type;
    for (uint32_t i = 0; types && i < p->nsample; i++) {
        t.first += p->value[(size_t)i * types];
        t.last += p->value[(size_t)i * types + types - 1];
    }
    return t;
}

static pf_code read_file(const char *dir, const char *name, pf_arena *a, pf_str *out, pf_error *err)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return pf_fail(err, PF_INVALID, "can't read %s: %s", path, strerror(errno));
    }
    *out = (pf_str){0};
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        close(fd);
        return PF_OK;
    }
    char *p = pf_arena_alloc(a, (size_t)st.st_size);
    ssize_t n = p ? read(fd, p, (size_t)st.st_size) : -1;
    close(fd);
    if (n != st.st_size)
        return p ? pf_fail(err, PF_INVALID, "can't read %s whole", path)
                 : pf_arena_fail(a, err, path);
    *out = (pf_str){p, (size_t)n};
    return PF_OK;
}

/* Cuts a well-formed profile in front of and behind its time_nanos; both halves are empty-safe. */
static void cut_time(pf_str raw, bench_file *f)
{
    const uint8_t *p = (const uint8_t *)raw.p, *end = p + raw.n;
    f->before = raw;
    f->behind = (pf_str){raw.p + raw.n, 0};
    while (p < end) {
        const uint8_t *field = p;
        uint64_t key, n;
        if (!pf_varint_get(&p, end, &key))
            return;
        if ((key & 7) == 0 || (key & 7) == 2) {
            if (!pf_varint_get(&p, end, &n))
                return;
            if ((key & 7) == 2)
                p += n <= (uint64_t)(end - p) ? n : (uint64_t)(end - p);
        } else {
            size_t fixed = (key & 7) == 1 ? 8 : 4;
            p += fixed <= (size_t)(end - p) ? fixed : (size_t)(end - p);
        }
        if (key == PROFILE_TIME << 3) {
            f->before.n = (size_t)((const char *)field - raw.p);
            f->behind = (pf_str){(const char *)p, (size_t)(end - p)};
            return;
        }
    }
}

/* False when the bytes are not a profile of the type. */
static bool take_file(pf_str bytes, pf_type type, pf_arena *a, bench_file *f)
{
    pf_profile p;
    pf_str raw = bytes;
    pf_error why;
    if (!bytes.n || (pf_is_gzip(bytes) && pf_gunzip(bytes, INFLATED_MAX, a, &raw, &why)))
        return false;
    if (pf_profile_decode(&p, a, raw, &why) || !p.nsample || bench_type_of(&p) != type)
        return false;
    *f = (bench_file){.bytes = bytes, .time = p.time_nanos, .total = bench_total_of(&p)};
    cut_time(raw, f);
    return true;
}

pf_code bench_corpus_load(const char *dir, pf_type type, bench_corpus *out, pf_error *err)
{
    struct dirent **names;
    *out = (bench_corpus){0};
    pf_arena_init(&out->arena, NULL, 0);
    int n = scandir(dir, &names, NULL, alphasort);
    if (n < 0)
        return pf_fail(err, PF_INVALID, "can't read the directory %s: %s", dir, strerror(errno));
    pf_code code = PF_OK;
    out->files = calloc((size_t)n + 1, sizeof *out->files);
    if (!out->files)
        code = pf_fail_nomem(err, "profiles");
    for (int i = 0; i < n; i++) {
        pf_str bytes = {0};
        if (!code && names[i]->d_name[0] != '.')
            code = read_file(dir, names[i]->d_name, &out->arena, &bytes, err);
        if (!code && take_file(bytes, type, &out->arena, &out->files[out->n])) {
            out->bytes += (int64_t)bytes.n;
            out->n++;
        } else if (bytes.n) {
            out->passed_over++;
        }
        free(names[i]);
    }
    free(names);
    if (!code && !out->n)
        code = pf_fail(err, PF_INVALID, "%s holds no %s profile", dir, pf_type_name(type));
    if (code)
        bench_corpus_free(out);
    return code;
}

void bench_corpus_free(bench_corpus *c)
{
    free(c->files);
    pf_arena_free(&c->arena);
    *c = (bench_corpus){0};
}

pf_code bench_corpus_retime(const bench_file *f, int64_t time, pf_buf *out, pf_error *err)
{
    pf_buf raw = PF_BUF_INIT;
    pf_buf_put_str(&raw, f->before);
    pf_buf_put_varint(&raw, PROFILE_TIME << 3);
    pf_buf_put_varint(&raw, (uint64_t)time);
    pf_buf_put_str(&raw, f->behind);
    pf_code code =
        raw.failed ? pf_fail_nomem(err, "profile") : pf_gzip(pf_buf_str(&raw), 1, out, err);
    pf_buf_free(&raw);
    return code;
}
