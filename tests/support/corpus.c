#include "support/corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(pf_corpus *c, const char *dir, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", dir, folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *bytes = n < 0 ? NULL : pf_arena_alloc(&c->arena, (size_t)n);
    bool read = bytes && fread(bytes, 1, (size_t)n, f) == (size_t)n;
    fclose(f);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    pf_str kept = pf_arena_str(&c->arena, pf_str_c(path));
    pf_corpus_file *grown = realloc(c->file, (c->n + 1) * sizeof *grown);
    if (!read || !kept.p || !grown)
        abort();
    c->file = grown;
    c->file[c->n++] = (pf_corpus_file){kept.p, {bytes, (size_t)n}};
    return true;
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(((const pf_corpus_file *)a)->name, ((const pf_corpus_file *)b)->name);
}

bool pf_test_corpus(pf_corpus *c, const char *folder, const char *part)
{
    const char *dir = getenv("PROFEFE_CORPUS");
    char path[4096];
    dir = dir ? dir : "../shared/corpus";
    snprintf(path, sizeof path, "%s/%s", dir, folder);
    *c = (pf_corpus){0};
    pf_arena_init(&c->arena, NULL, 0);
    DIR *d = opendir(path);
    if (!d) {
        fprintf(stderr, "SKIPPED: there are no real profiles in %s (PROFEFE_CORPUS)\n", path);
        return false;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && strstr(e->d_name, part))
            read_file(c, dir, folder, e->d_name);
    closedir(d);
    if (c->n)
        qsort(c->file, c->n, sizeof *c->file, name_cmp);
    return c->n > 0;
}

void pf_test_corpus_free(pf_corpus *c)
{
    free(c->file);
    pf_arena_free(&c->arena);
}
