/* corpus.h: the real profiles, for tests that want them: $PROFEFE_CORPUS, ../shared/corpus without. */
#ifndef PF_TESTS_CORPUS_H
#define PF_TESTS_CORPUS_H

#include "base/arena.h"

typedef struct pf_corpus_file {
    const char *name; /* "collector-service/cpu.001.pb.gz" */
    pf_str bytes;
} pf_corpus_file;

typedef struct pf_corpus {
    pf_corpus_file *file; /* sorted by name */
    size_t n;
    pf_arena arena;
} pf_corpus;

/* Reads the files of one folder ("legacy") whose names contain `part` ("" for all). False, and a line
 * on standard error, when the corpus is not there; the test then calls skip(). */
bool pf_test_corpus(pf_corpus *c, const char *folder, const char *part);
void pf_test_corpus_free(pf_corpus *c);

#endif
