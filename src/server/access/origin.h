/* origin.h: whether a browser may send a request for the page that makes it.
 *
 * A browser lets any page send requests anywhere, also to a server on the user's own machine or network, and adds what
 * the user is logged in with. Two checks stand against that, before anybody is authenticated, since without tokens
 * nobody is. Both take texts of the request and need no socket. The rules come from two flags, never change, and may be
 * used by all threads.
 *
 *     pf_web_request q = {.kind = pf_web_kind_of(method, origin, request_method), .host = …};
 *     if (pf_origin_check_host(rules, &q, &err) || pf_origin_check(rules, &q, &err))
 *         …421 or 403, err says why…
 *     pf_origin_each_header(rules, &q, put, ctx);      on answers of any status
 *     if (q.kind == PF_WEB_PREFLIGHT)
 *         …204, no body, no authentication: a browser sends none here…
 *
 * WHO THIS SERVER IS (pf_origin_check_host). An attacker's name may resolve to 127.0.0.1 once its page is loaded (DNS
 * rebinding): for the browser the page and this server are then one site. The Host header still says the name.
 *
 *     connection to    Host                                                     without -http.hosts    with it
 *     loopback         none, empty                                              fine                   fine
 *                      localhost, *.localhost, an IP address                    fine                   fine
 *                      a name of -http.hosts                                                           fine
 *                      another name, several lines, no name at all              421                    421
 *     another address, none, empty                                              fine                   fine
 *     a Unix socket    localhost, *.localhost, an IP address                    fine                   fine
 *                      a name of -http.hosts                                                           fine
 *                      another name, several lines, no name at all              fine                   421
 *
 * Ports don't matter here, nor do case and a final dot. A browser always sends a Host; addresses can't be rebound; and
 * browsers resolve *.localhost themselves.
 *
 * WHOSE PAGE ASKS (pf_origin_check). READ is GET, HEAD, and OPTIONS that is no preflight; WRITE is all else. The first line
 * that fits decides:
 *
 *     more than one Origin line                                                                  403
 *     PREFLIGHT         Origin that -http.cors-origins allows                                    allowed
 *     PREFLIGHT         another                                                                  403
 *     READ, WRITE       Sec-Fetch-Site: same-origin, none                                        fine
 *     READ, WRITE       no Sec-Fetch-Site; no Origin                                             fine
 *     READ, WRITE       no Sec-Fetch-Site; Origin is this server (below)                         fine
 *     READ              Sec-Fetch-Site: same-site, cross-site; Sec-Fetch-Mode: navigate
 *                       and Sec-Fetch-Dest: document: somebody followed a link                   fine
 *     READ, WRITE       Origin that -http.cors-origins allows                                    allowed
 *     READ, WRITE       all else: same-site, cross-site, what is no value of Sec-Fetch-Site,
 *                       Origin: null or another's; frames, embeds and objects, images, scripts   403
 *
 * Browsers send Sec-Fetch-Site since 2023, but to HTTPS and to localhost only; in clear text to another host Origin is what
 * there is: with all that writes, and with reads by fetch() from another origin. So an <img> of another site's page can
 * have a GET sent there, whose answer the page can't see.
 *
 * Origin is this server when its host is that of the Host header and so is its port, the scheme's own where none is
 * written. Where Host has no port it is the scheme's own, too; from a trusted proxy any will do, since proxies drop it ("proxy_set_header Host
 * $host" of nginx). The scheme
 * must be https where the connection is TLS; in clear text it may be either, since a proxy may have ended TLS.
 *
 * `*` in -http.cors-origins allows every origin, but what a browser adds by itself (cookies, passwords it remembers, client
 * certificates) is not to be believed of them: pf_origin_takes_credentials.
 */
#ifndef PF_SERVER_ACCESS_ORIGIN_H
#define PF_SERVER_ACCESS_ORIGIN_H

#include "base/error.h"
#include "base/str.h"

enum { PF_ORIGIN_LIST_MAX = 64 }; /* names, or origins, in a flag */

typedef struct pf_origin_rules pf_origin_rules;

typedef enum pf_web_kind { PF_WEB_READ, PF_WEB_WRITE, PF_WEB_PREFLIGHT } pf_web_kind;

/* What is asked, as the request says it. All texts are borrowed; an empty one is a header that is not there. */
typedef struct pf_web_request {
    pf_web_kind kind;
    pf_str host;   /* Host, or :authority */
    pf_str origin; /* Origin, the first where there are several */
    size_t host_lines, origin_lines;
    pf_str sec_fetch_site, sec_fetch_mode, sec_fetch_dest;
    bool on_loopback; /* accepted on a loopback address */
    bool is_tls;      /* the connection to this server is */
    bool from_proxy;  /* it is a trusted proxy's */
} pf_web_request;

/* A preflight is OPTIONS with an Origin and Access-Control-Request-Method, whose value is `request_method`. */
pf_web_kind pf_web_kind_of(pf_str method, pf_str origin, pf_str request_method);

/* `hosts`: -http.hosts, "profefe.example.org, *.lan": names, `*.` before one stands for everything below it (not for
 * itself); a port is ignored. `cors`: -http.cors-origins, "https://grafana.example.org, http://localhost:3000", exact
 * origins, or "*" alone. NULL and "" are none. PF_INVALID names flag and value. */
pf_code pf_origin_rules_new(const char *hosts, const char *cors, pf_origin_rules **out,
                            pf_error *err);
void pf_origin_rules_free(pf_origin_rules *r);

/* PF_OK, or PF_MISDIRECTED: `this server is not "evil.example" (-http.hosts names who it is)`. */
pf_code pf_origin_check_host(const pf_origin_rules *r, const pf_web_request *q, pf_error *err);

/* PF_OK, or PF_FORBIDDEN, which names the origin and -http.cors-origins. */
pf_code pf_origin_check(const pf_origin_rules *r, const pf_web_request *q, pf_error *err);

/* Of a request that pf_origin_check lets pass: whether what a browser adds by itself counts. Otherwise only what the page
 * has added does, a bearer token. */
bool pf_origin_takes_credentials(const pf_origin_rules *r, const pf_web_request *q);

/* The headers that an answer carries, errors too: calls put for each. With a list of origins every answer varies with
 * Origin; one to an allowed origin says so, and one to its preflight says what may be sent. Name and value are
 * valid as long as the rules. */
typedef void (*pf_origin_put)(void *ctx, const char *name, const char *value);
void pf_origin_each_header(const pf_origin_rules *r, const pf_web_request *q, pf_origin_put put,
                           void *ctx);

#endif
