/* conformance.h: what every store must do, whatever it stands on. src/storage/README.md says how to
 * run a new store through it.
 */
#ifndef PF_TESTS_CONFORMANCE_H
#define PF_TESTS_CONFORMANCE_H

#include "storage/storage.h"

typedef struct conformance_factory {
    const char *name;
    void *(*setup)(void);           /* an empty place to store in */
    pf_store *(*open)(void *place); /* opens it, again after a close */
    void (*teardown)(void *place);  /* removes it */
} conformance_factory;

/* Runs all cases; the number of failed ones. */
int conformance_run(const conformance_factory *factory);

#endif
