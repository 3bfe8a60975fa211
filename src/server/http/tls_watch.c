#include "server/http/tls_watch.h"

#include "base/log.h"
#include "base/metrics.h"

#include <time.h>

enum { DAY = 86400, NEAR = 14 * DAY };

pf_expiry pf_expiry_look(pf_expiry_said *said, int64_t not_after, int64_t now)
{
    pf_expiry is = not_after < now          ? PF_EXPIRY_OVER
                   : not_after - now < NEAR ? PF_EXPIRY_NEAR
                                            : PF_EXPIRY_FAR;
    if (is == said->what && now - said->at < DAY)
        return PF_EXPIRY_FAR;
    *said = (pf_expiry_said){is, now};
    return is;
}

static void say_when_it_ends(pf_tls_watch *w)
{
    int64_t not_after = pf_tls_not_after(w->tls), now = time(NULL);
    char text[PF_TLS_TIME];
    pf_expiry is = pf_expiry_look(&w->said, not_after, now);
    pf_tls_format_time(not_after, text);
    if (is == PF_EXPIRY_NEAR)
        PF_LOG_WARN("the TLS certificate ends soon", PF_S("cert", w->cert), PF_S("not_after", text),
                    PF_I("days", (not_after - now) / DAY));
    else if (is == PF_EXPIRY_OVER)
        PF_LOG_ERROR("the TLS certificate has ended: clients refuse it", PF_S("cert", w->cert),
                     PF_S("not_after", text));
}

static void read_again(pf_tls_watch *w, bool force)
{
    pf_error err;
    bool fresh;
    char text[PF_TLS_TIME];
    if (pf_tls_reload(w->tls, force, &fresh, &err)) {
        PF_LOG_ERROR("can't read the TLS certificate again: the old one is kept",
                     PF_S("error", err.msg));
    } else if (fresh) {
        pf_tls_format_time(pf_tls_not_after(w->tls), text);
        PF_LOG_INFO("read the TLS certificate again", PF_S("cert", w->cert),
                    PF_S("not_after", text));
    }
}

static double not_after(void *ctx)
{
    return (double)pf_tls_not_after(((pf_tls_watch *)ctx)->tls);
}

void pf_tls_watch_start(pf_tls_watch *w, pf_tls *tls, const char *cert)
{
    *w = (pf_tls_watch){.tls = tls, .cert = cert};
    if (!tls)
        return;
    pf_metrics_callback("profefe_http_tls_certificate_not_after_seconds",
                        "When the certificate in use ends, in Unix seconds.", PF_GAUGE, not_after,
                        w);
    say_when_it_ends(w);
}

void pf_tls_watch_look(pf_tls_watch *w, bool force)
{
    if (!w->tls)
        return;
    read_again(w, force);
    say_when_it_ends(w);
}

void pf_tls_watch_stop(pf_tls_watch *w)
{
    if (w->tls)
        pf_metrics_forget(w);
}
