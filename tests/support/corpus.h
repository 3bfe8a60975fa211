/* corpus.h: real profiles, for tests that want them: those below tests/fixtures/profiles, and after
 * them those of another folder of the same layout, where there is one: $PROFEFE_CORPUS, and
 * ../shared/corpus where that is not set.
 */
#ifndef PF_TESTS_CORPUS_H
#define PF_TESTS_CORPUS_H

#include "pprof/profile.h"

typedef struct pf_corpus_file {
    const char *name; /* its path, "…/collector-service/cpu.001.pb.gz" */
    pf_str bytes;
} pf_corpus_file;

typedef struct pf_corpus {
    pf_corpus_file *file; /* the fixtures first; among themselves sorted by name */
    size_t n;
    pf_arena arena;
} pf_corpus;

/* Reads the files of one folder ("legacy") whose names contain `part` ("" for all). At least one is
 * the project's own. Aborts, and says why, when there is none, when $PROFEFE_CORPUS is no folder, or
 * when a file can't be read: a test that needs real profiles never runs without. */
void pf_test_corpus(pf_corpus *c, const char *folder, const char *part);
void pf_test_corpus_free(pf_corpus *c);

/* Where they are: the fixtures (at 0), the other folder (at 1), which need not be there: NULL. */
const char *pf_test_corpus_root(int at);

/* Decodes a file's bytes, gzipped or not, into `a`; both live as long as `out`. False, with nothing
 * said, when they are no profile. */
bool pf_test_profile_of(pf_str bytes, pf_arena *a, pf_profile *out);

#endif
