/* store_fixture.h: what tests of stores share: temporary directories, quick writes, lists of what
 * was found. All of it ends the test (cmocka's fail) when the machine says no.
 */
#ifndef PF_TESTS_STORE_FIXTURE_H
#define PF_TESTS_STORE_FIXTURE_H

#include "storage/storage.h"

/* A new directory under TMPDIR or /tmp; free and remove with fx_remove_dir. */
char *fx_make_dir(void);
void fx_remove_dir(char *dir);

/* Bytes that look like pprof to a store that does not decode: a gzip member holding `text`. */
pf_buf fx_gzip(const char *text);

/* Labels from "a=1,b=2" in the arena. */
pf_labels fx_labels(pf_arena *a, const char *text);

/* Writes one and waits; the id in `id` (may be NULL). `body` is gzipped unless the type is trace.
 */
pf_code fx_write(pf_store *s, const char *service, pf_type type, const char *labels,
                 int64_t created_at, const char *body, char id[PF_ID_MAX + 1], pf_error *err);

typedef struct fx_found {
    size_t n;
    struct fx_meta {
        char id[64]; /* of a test store; longer ones are cut */
        int64_t created_at;
        pf_type type;
        char labels[128]; /* "a=1,b=2" */
    } * list;
} fx_found;

/* All pages of a query, `page` at a time. Free with fx_found_free. */
fx_found fx_find(pf_store *s, const char *service, pf_type type, const char *labels, int64_t from,
                 int64_t to, int64_t limit, size_t page);
void fx_found_free(fx_found *f);

/* True when the id reads back as the gzip of `body` (or as it, for a trace). */
bool fx_reads_back(pf_store *s, const char *id, const char *body);

#endif
