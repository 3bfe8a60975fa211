/* rules_file.h: an auth file on disk, the rules in force, and how one becomes the other.
 *
 *     pf_rules_file f;
 *     if (pf_rules_file_open(&f, "auth.yaml", NULL, &err)) ...      a bad file: no rules, the server doesn't start
 *     every second: pf_rules_file_look(&f, false);      SIGHUP: pf_rules_file_look(&f, true);
 *     pf_rules *rules = pf_rules_file_take(&f);         any thread; afterwards pf_rules_release
 *     pf_rules_file_close(&f);
 *
 * A changed file is read when two looks in a row have seen it the same, so that its writer is through; a forced look
 * reads it at once. When the file is bad, gone or can't be read, the rules in force stay: the log says why, once, and
 * pf_rules_file_problem for as long as it lasts. New rules mark the tokens of all old ones that somebody still holds
 * (pf_rules_replace), and every look marks what has expired.
 *
 * Who can read the file can sign sessions (session.h): the log warns when everybody on the machine can.
 * pf_rules_file_look belongs to one thread, which may block on files.
 */
#ifndef PF_SERVER_ACCESS_RULES_FILE_H
#define PF_SERVER_ACCESS_RULES_FILE_H

#include "base/clock.h"
#include "base/metrics.h"
#include "server/access/rules.h"

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

/* What tells one writing of a file from another. */
typedef struct pf_file_stamp {
    bool there;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
} pf_file_stamp;

typedef struct pf_rules_file {
    char *path;
    const pf_clock *clock;
    pthread_mutex_t lock; /* guards the next two */
    pf_rules *current;
    char problem[PF_ERROR_MSG_MAX]; /* "": the file is what is in force */
    /* What follows belongs to the thread that looks. */
    pf_rules *older;            /* that somebody still holds */
    pf_file_stamp seen, judged; /* by the last look; when it was last read to an end */
    pf_metric *reloads_ok, *reloads_bad, *tokens;
} pf_rules_file;

/* `clock` may be NULL: the machine's. PF_INVALID names file, line and reason; *f needs no closing then. */
pf_code pf_rules_file_open(pf_rules_file *f, const char *path, const pf_clock *clock,
                           pf_error *err);
void pf_rules_file_close(pf_rules_file *f);

/* The rules in force, with a reference for the caller. */
pf_rules *pf_rules_file_take(pf_rules_file *f);

void pf_rules_file_look(pf_rules_file *f, bool force);

/* False: there is none, and *out is empty. */
bool pf_rules_file_problem(pf_rules_file *f, char *out, size_t n);

#endif
