/* web.h: the files of the page, embedded in the binary (web/README.md tells how they come to be).
 *
 * web/scripts/build.mjs gzips each file, joins them into one blob and writes this table beside it.
 * A build with WEB=OFF has none of them; web.c then answers with the text page only.
 */
#ifndef PF_SERVER_API_WEB_H
#define PF_SERVER_API_WEB_H

#include "base/str.h"

typedef struct pf_web_asset {
    const char *path; /* "/index.html", "/assets/app-1f2e3d4c.js", "/speedscope/index.html" */
    const char *type; /* Content-Type */
    const char *etag; /* with its quotes; of the content */
    bool immutable;   /* its name holds its hash: may be kept for ever */
    uint32_t offset;  /* of its gzip member in pf_web_blob */
    uint32_t size;    /* bytes of that member */
    uint32_t raw;     /* bytes it inflates to */
} pf_web_asset;

extern const pf_web_asset pf_web_assets[]; /* generated, as is the rest of these three */
extern const uint32_t pf_web_assets_n;
extern const char pf_web_blob[];

/* NULL when there is no such file. */
const pf_web_asset *pf_web_find(pf_str path);

/* Whether a comma-separated header lists `token` with a weight above 0: Accept-Encoding, Accept.
 * Case folds; wildcards count as nothing. */
bool pf_web_accepts(pf_str header, pf_str token);

/* Whether If-None-Match names `etag` (weakly compared) or everything. */
bool pf_web_etag_matches(pf_str header, pf_str etag);

#endif
