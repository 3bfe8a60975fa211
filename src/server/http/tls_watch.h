/* tls_watch.h: what a server does about its certificate while it runs: reads the files again when they have changed, says
 * in good time that it ends, and shows when as a metric.
 *
 *     pf_tls_watch w;
 *     pf_tls_watch_start(&w, tls, "cert.pem");
 *     every second: pf_tls_watch_look(&w, false);      SIGHUP: pf_tls_watch_look(&w, true);
 *     pf_tls_watch_stop(&w);
 *
 * Belongs to one thread, which may block on files.
 */
#ifndef PF_SERVER_HTTP_TLS_WATCH_H
#define PF_SERVER_HTTP_TLS_WATCH_H

#include "server/http/tls.h"

typedef enum pf_expiry { PF_EXPIRY_FAR, PF_EXPIRY_NEAR, PF_EXPIRY_OVER } pf_expiry;

/* What was said of a certificate's end; begins as all zeros. */
typedef struct pf_expiry_said {
    pf_expiry what;
    int64_t at; /* Unix seconds */
} pf_expiry_said;

/* What is to be said now, which counts as said: NEAR within 14 days of the end, OVER behind it, each at once and then
 * daily; FAR: nothing. */
pf_expiry pf_expiry_look(pf_expiry_said *said, int64_t not_after, int64_t now);

typedef struct pf_tls_watch {
    pf_tls *tls;
    const char *cert; /* its file, for the log; borrowed */
    pf_expiry_said said;
} pf_tls_watch;

/* With tls NULL all of them do nothing. */
void pf_tls_watch_start(pf_tls_watch *w, pf_tls *tls, const char *cert);
void pf_tls_watch_look(pf_tls_watch *w, bool force); /* force: read them, changed or not */
void pf_tls_watch_stop(pf_tls_watch *w);

#endif
