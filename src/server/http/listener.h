/* listener.h: the sockets that one address stands for. */
#ifndef PF_SERVER_HTTP_LISTENER_H
#define PF_SERVER_HTTP_LISTENER_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum { PF_LISTENER_SOCKETS = 8 }; /* addresses that one name may stand for */

typedef struct pf_listener {
    int fds[PF_LISTENER_SOCKETS];
    unsigned n;
    bool loopback;   /* all of them */
    bool inherited;  /* somebody else's: left open and listening */
    char *unix_path; /* removed at the end, unless somebody has put another there; NULL: none */
    dev_t dev;       /* what is there */
    ino_t ino;
    char text[128]; /* the first one as "host:port" or "unix:/path" */
} pf_listener;

/* Binds and listens. PF_INVALID: the address can't be read; PF_UNAVAILABLE: it can't be listened on. */
pf_code pf_listener_open(pf_listener *l, const char *addr, pf_error *err);

/* Takes a listening socket that the process was started with. */
pf_code pf_listener_inherit(pf_listener *l, int fd, pf_error *err);
void pf_listener_close(pf_listener *l);

#endif
