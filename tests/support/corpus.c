#include "support/corpus.h"

#include "pprof/gzip.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void read_file(pf_corpus *c, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        abort();
    }
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *bytes = n < 0 ? NULL : pf_arena_alloc(&c->arena, (size_t)n);
    bool read = bytes && fread(bytes, 1, (size_t)n, f) == (size_t)n;
    fclose(f);
    pf_str kept = pf_arena_str(&c->arena, pf_str_c(path));
    pf_corpus_file *grown = realloc(c->file, (c->n + 1) * sizeof *grown);
    if (!read || !kept.p || !grown)
        abort();
    c->file = grown;
    c->file[c->n++] = (pf_corpus_file){kept.p, {bytes, (size_t)n}};
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(((const pf_corpus_file *)a)->name, ((const pf_corpus_file *)b)->name);
}

static void read_folder(pf_corpus *c, const char *root, const char *folder, const char *part)
{
    char dir[4096], path[8192];
    size_t before = c->n;
    snprintf(dir, sizeof dir, "%s/%s", root, folder);
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || !strstr(e->d_name, part))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        read_file(c, path);
    }
    closedir(d);
    if (c->n > before)
        qsort(c->file + before, c->n - before, sizeof *c->file, name_cmp);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *pf_test_corpus_root(int at)
{
    if (at == 0)
        return PF_TESTS_FIXTURES;
    const char *named = getenv("PROFEFE_CORPUS");
    if (named && !is_folder(named)) {
        fprintf(stderr, "PROFEFE_CORPUS is \"%s\", which is no folder\n", named);
        abort();
    }
    if (named)
        return named;
    return is_folder("../shared/corpus") ? "../shared/corpus" : NULL;
}

void pf_test_corpus(pf_corpus *c, const char *folder, const char *part)
{
    const char *other = pf_test_corpus_root(1);
    *c = (pf_corpus){0};
    pf_arena_init(&c->arena, NULL, 0);
    read_folder(c, PF_TESTS_FIXTURES, folder, part);
    if (!c->n) {
        fprintf(stderr, "no file of %s/%s has \"%s\" in its name\n", PF_TESTS_FIXTURES, folder,
                part);
        abort();
    }
    if (other)
        read_folder(c, other, folder, part);
}

void pf_test_corpus_free(pf_corpus *c)
{
    free(c->file);
    pf_arena_free(&c->arena);
}

bool pf_test_profile_of(pf_str bytes, pf_arena *a, pf_profile *out)
{
    if (pf_is_gzip(bytes) && pf_gunzip(bytes, 1 << 28, a, &bytes, NULL))
        return false;
    return pf_profile_decode(out, a, bytes, NULL) == PF_OK;
}
