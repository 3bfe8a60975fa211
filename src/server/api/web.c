/* web.c: the page, from memory. "/" for people who browse, a short text for those with curl; the
 * page's files; speedscope, which is a program of its own and gets a policy of its own.
 *
 * Every path in the page is relative, so that it works under any prefix that a proxy puts before
 * it. The policy allows nothing but the page's own files: a name in a profile can never become
 * script, whatever the page does with it.
 */
#include "server/api/web.h"

#include "pprof/gzip.h"
#include "server/api/internal.h"
#include "server/api/reply.h"

#include <string.h>

#if !PF_WEB
const pf_web_asset pf_web_assets[1];
const uint32_t pf_web_assets_n = 0;
const char pf_web_blob[1];
#endif

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/* speedscope writes style elements, compiles WebAssembly and starts workers from blobs. */
static const char speedscope_policy[] =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const pf_web_asset *pf_web_find(pf_str path)
{
    for (uint32_t i = 0; i < pf_web_assets_n; i++)
        if (pf_str_eq(path, pf_str_c(pf_web_assets[i].path)))
            return &pf_web_assets[i];
    return NULL;
}

/* "q=0", "q=0.000": listed in order to be refused. */
static bool weighs_nothing(pf_str params)
{
    pf_str one;
    while (params.n) {
        pf_str_cut(params, ';', &one, &params);
        one = pf_str_trim(one);
        if (one.n < 3 || (one.p[0] | 32) != 'q' || one.p[1] != '=')
            continue;
        for (size_t i = 2; i < one.n; i++)
            if (one.p[i] != '0' && one.p[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool pf_web_accepts(pf_str header, pf_str token)
{
    pf_str one, name, params;
    while (header.n) {
        pf_str_cut(header, ',', &one, &header);
        pf_str_cut(one, ';', &name, &params);
        if (pf_str_eq_nocase(pf_str_trim(name), token))
            return !weighs_nothing(params);
    }
    return false;
}

bool pf_web_etag_matches(pf_str header, pf_str etag)
{
    pf_str one;
    while (header.n) {
        pf_str_cut(header, ',', &one, &header);
        one = pf_str_trim(one);
        if (pf_str_has_prefix(one, PF_STR("W/")))
            one = (pf_str){one.p + 2, one.n - 2};
        if (pf_str_eq(one, etag) || pf_str_eq(one, PF_STR("*")))
            return true;
    }
    return false;
}

static void add_headers(pf_req *req, const pf_web_asset *asset)
{
    bool speedscope = pf_str_has_prefix(pf_str_c(asset->path), PF_STR("/speedscope/"));
    pf_req_add_header(req, "ETag", asset->etag);
    pf_req_add_header(req, "Cache-Control",
                      asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    pf_req_add_header(req, "Vary", "Accept, Accept-Encoding");
    pf_req_add_header(req, "Content-Security-Policy", speedscope ? speedscope_policy : policy);
    pf_req_add_header(req, "X-Frame-Options", "DENY");
    pf_req_add_header(req, "Referrer-Policy", "no-referrer");
    pf_req_add_header(req, "Cross-Origin-Opener-Policy", "same-origin");
}

static pf_code reply_asset(pf_req *req, const pf_web_asset *asset, pf_error *err)
{
    pf_buf b = PF_BUF_INIT;
    pf_str bytes = {pf_web_blob + asset->offset, asset->size};
    bool packed = pf_web_accepts(pf_req_header(req, "Accept-Encoding"), PF_STR("gzip"));
    if (!packed && pf_req_run(req) == PF_RUN_INLINE) {
        pf_req_move(req); /* unpacking takes its time */
        return PF_OK;
    }
    add_headers(req, asset);
    if (pf_web_etag_matches(pf_req_header(req, "If-None-Match"), pf_str_c(asset->etag))) {
        pf_req_reply_take(req, 304, NULL, &b);
        return PF_OK;
    }
    if (packed) {
        pf_req_add_header(req, "Content-Encoding", "gzip");
    } else {
        pf_code code = pf_gunzip(bytes, asset->raw, pf_req_arena(req), &bytes, err);
        if (code)
            return code;
    }
    pf_buf_put_str(&b, bytes);
    pf_req_reply_take(req, 200, asset->type, &b);
    return PF_OK;
}

/* A file under /assets/ or /speedscope/. */
pf_code pf_do_asset(pf_call *call, pf_error *err)
{
    pf_str path = pf_req_path(call->req);
    const pf_web_asset *asset = pf_web_find(path);
    if (!asset && pf_str_eq(path, PF_STR("/speedscope/")))
        asset = pf_web_find(PF_STR("/speedscope/index.html"));
    return asset ? reply_asset(call->req, asset, err) : pf_fail(err, PF_NOT_FOUND, "nothing found");
}

/* The base path was asked for without the slash that relative addresses need. */
static void redirect_to_slash(pf_call *call)
{
    pf_buf b = PF_BUF_INIT, to = PF_BUF_INIT;
    pf_str query = pf_req_query(call->req);
    pf_buf_printf(&to, "%s/%s", call->api->cfg.base_path, query.n ? "?" : "");
    pf_buf_put_str(&to, query);
    pf_buf_putc(&to, '\0');
    if (!to.failed)
        pf_req_add_header(call->req, "Location", to.data);
    pf_buf_free(&to);
    pf_req_reply_take(call->req, 308, PF_TEXT, &b);
}

pf_code pf_do_root(pf_call *call, pf_error *err)
{
    const pf_web_asset *page = pf_web_find(PF_STR("/index.html"));
    if (!pf_req_path(call->req).n) {
        redirect_to_slash(call);
        return PF_OK;
    }
    if (page && pf_web_accepts(pf_req_header(call->req, "Accept"), PF_STR("text/html")))
        return reply_asset(call->req, page, err);
    return pf_reply_welcome(call, err);
}

/* What the page has to know of the server's flags. */
pf_code pf_body_ui_config(pf_call *call, pf_json *out, pf_error *err)
{
    (void)err;
    const char *source_url = call->api->cfg.source_url, *base = call->api->cfg.base_path;
    pf_json_open(out, '{');
    if (source_url && *source_url)
        pf_json_put_str(out, "source_url", pf_str_c(source_url));
    else
        pf_json_put_null(out, "source_url");
    pf_json_put_str(out, "base_path", pf_str_c(*base ? base : "/"));
    pf_json_put_bool(out, "auth", call->api->cfg.auth != NULL);
    pf_json_close(out, '}');
    return PF_OK;
}
