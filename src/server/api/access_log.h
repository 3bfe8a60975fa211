/* access_log.h: the line that each request leaves on standard output, as the original writes it:
 *
 *     rid=… ts=2006-01-02T15:04:05Z method=GET uri=/api/0/services code=200 host=… ip=… rtime=1.2ms
 *
 * Lines are handed to a thread of their own, so that a pipe that nobody reads can't hold up a
 * request. What does not fit the bounded buffer is dropped and counted. Thread-safe.
 */
#ifndef PF_SERVER_API_ACCESS_LOG_H
#define PF_SERVER_API_ACCESS_LOG_H

#include "base/error.h"
#include "base/str.h"

typedef struct pf_access_log pf_access_log;

typedef struct pf_access_line {
    pf_str rid, method, uri, host, ip;
    pf_str who;       /* the token's or user's name: " who=…" at the end; empty: left out */
    int64_t started;  /* wall clock ns */
    int64_t duration; /* ns */
    int code;
} pf_access_line;

/* `fd` stays the caller's. */
pf_code pf_access_log_new(int fd, pf_access_log **out, pf_error *err);
void pf_access_log_write(pf_access_log *log, const pf_access_line *line);
void pf_access_log_put(pf_access_log *log, pf_str line); /* any line, with its newline */
void pf_access_log_free(
    pf_access_log *log); /* writes what has queued, unless the reader stalls; NULL is allowed */

#endif
