/* api.h: the HTTP API, version 0, on top of the transport. docs/api.md is its manual.
 *
 *     transport --admit, handle, finished--> call.c --> push.c, find.c, get.c ... --> storage
 *                                             ^                   |
 *                                             +-- route.c         +--> params.c, reply.c --> transport
 *
 * One file per resource: push.c (a new profile), find.c (lists), get.c (one profile, several, a
 * merge) and diff.c, with the same to be looked at (render.c, and src/view below it), types.c (types
 * and sample types), labels.c, series.c (time lines: timeline.c, funcline.c), store.c (what the store holds),
 * pages.c (services, version, index, health, metrics, symbolz, the text at "/"), web.c (the page and its files).
 * An action returns what was wrong, or PF_OK when it has replied; or it writes one JSON value, and call.c puts the
 * envelope around it. route.c knows the paths and methods, params.c reads the parameters, reply.c writes envelope and
 * errors, request_metrics.c counts, access_log.c logs. admission.c asks src/server/access who somebody is and what they
 * may; sign_in.c is the page's session.
 *
 * Thread-safety: a pf_api is shared by all threads and read-only but for its metrics and the access
 * log.
 */
#ifndef PF_SERVER_API_API_H
#define PF_SERVER_API_API_H

#include "server/access/auth.h"
#include "server/access/failures.h"
#include "server/access/limits.h"
#include "server/access/origin.h"
#include "server/http/http.h"
#include "storage/storage.h"

typedef struct pf_api pf_api;

typedef struct pf_api_build {
    const char *version, *commit, *build_time;
    const char *built_with; /* "gcc 12.2.0, sqlite 3.40.1, ..." */
} pf_api_build;

typedef struct pf_api_config {
    size_t max_body;         /* bytes as sent */
    size_t max_inflated;     /* bytes after gunzip */
    size_t query_max_memory; /* bytes of one query */
    int64_t query_timeout;   /* ns of one query */
    int access_log_fd;       /* -1: no access log */
    const char *base_path;   /* "" or "/profefe": where a proxy shows this server; borrowed */
    const char *source_url;  /* "https://…/{file}#L{line}" or NULL; borrowed */

    pf_store *store;   /* outlives the API's requests */
    pf_ledger *budget; /* memory of everything in flight; may be NULL */
    const pf_api_build *build;

    pf_auth *auth; /* NULL: everybody may do all */
    const pf_origin_rules
        *origins; /* these three are never NULL, and the caller's until the API is freed */
    pf_failures *failures;
    pf_limits *limits;
} pf_api_config;

pf_api_config pf_api_config_default(void);

pf_code pf_api_new(const pf_api_config *cfg, pf_api **out, pf_error *err);

/* What pf_http_start wants; valid as long as the API. */
pf_http_app pf_api_app(pf_api *api);

/* From now on /readyz says 503: the server is on its way out. */
void pf_api_stopping(pf_api *api);

/* After the transport has stopped and the store is closed. NULL is allowed. */
void pf_api_free(pf_api *api);

#endif
