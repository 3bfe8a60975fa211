#include "cmd/bench/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void raise_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* TLS's memory is given back at once: what matters is the server's. */
static pf_code open_one(bench_crowd *c, bench_place *p, bench_wire *w, pf_error *err)
{
    pf_code code = bench_wire_open(w, p, false, err);
    if (code)
        return code;
    code = bench_wire_ask(w, err);
    c->fds[c->n++] = bench_wire_release(w);
    return code;
}

pf_code bench_crowd_open(bench_crowd *c, bench_place *p, size_t n, pf_error *err)
{
    bench_wire *w = malloc(sizeof *w);
    *c = (bench_crowd){.fds = calloc(n, sizeof *c->fds)};
    pf_code code = c->fds && w ? PF_OK : pf_fail_nomem(err, "connections");
    raise_limit();
    while (!code && c->n < n) {
        pf_error why = {0};
        code = open_one(c, p, w, &why);
        if (code)
            pf_fail(err, code, "connection %zu of %zu: %s", c->n, n, why.msg);
    }
    free(w);
    return code;
}

size_t bench_crowd_lost(const bench_crowd *c)
{
    size_t lost = 0;
    for (size_t i = 0; i < c->n; i++) {
        char some[4096];
        ssize_t n;
        while ((n = recv(c->fds[i], some, sizeof some, MSG_DONTWAIT)) > 0)
            ;
        lost += n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
    return lost;
}

void bench_crowd_close(bench_crowd *c)
{
    for (size_t i = 0; i < c->n; i++)
        close(c->fds[i]);
    free(c->fds);
    *c = (bench_crowd){0};
}
