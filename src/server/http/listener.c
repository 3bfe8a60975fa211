/* Addresses to listen on:
 *
 *     ":10100"           every interface, IPv4 and IPv6 by one socket; IPv4 alone where the machine
 *                        has no IPv6
 *     "127.0.0.1:10100"  as it says
 *     "[::1]:0"          port 0 takes a free one
 *     "localhost:10100"  every address that the name stands for, on the same port
 *     "unix:/run/p.sock" a Unix socket; one that nobody listens on any more is replaced
 */
#include "server/http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, HOST_MAX = 255 };

static pf_code bad_address(pf_error *err, const char *addr, const char *why)
{
    return pf_fail(err, PF_INVALID, "bad address \"%s\": %s", addr, why);
}

/* Cuts "host:port" at the last colon, "[host]:port" at the brackets. */
static pf_code split(const char *addr, char host[static HOST_MAX + 1], const char **port,
                     pf_error *err)
{
    const char *colon = strrchr(addr, ':');
    if (!colon)
        return bad_address(err, addr, "no port; it should read host:port or :port");
    const char *from = addr, *to = colon;
    if (*addr == '[') {
        if (colon == addr || colon[-1] != ']')
            return bad_address(err, addr, "no \"]:\" behind the IPv6 address");
        from++;
        to--;
    } else if (memchr(addr, ':', (size_t)(colon - addr))) {
        return bad_address(err, addr, "an IPv6 address stands in brackets, as in [::1]:10100");
    }
    size_t n = (size_t)(to - from);
    if (n > HOST_MAX)
        return bad_address(err, addr, "the host is too long");
    memcpy(host, from, n);
    host[n] = 0;
    *port = colon + 1;
    size_t digits = strspn(*port, "0123456789");
    if (!digits || (*port)[digits] || digits > 5 || atoi(*port) > 65535)
        return bad_address(err, addr, "the port is not a number from 0 to 65535");
    return PF_OK;
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_UNIX)
        return true;
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static uint16_t *port_of(struct sockaddr *sa)
{
    return sa->sa_family == AF_INET ? &((struct sockaddr_in *)sa)->sin_port
                                    : &((struct sockaddr_in6 *)sa)->sin6_port;
}

static int open_one(const struct sockaddr *sa, socklen_t len, bool dual)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, v6only = !dual;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (sa->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
    if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

/* Notes where the first one listens, and whether all keep to this machine. */
static void describe(pf_listener *l, struct sockaddr *a)
{
    char host[INET6_ADDRSTRLEN];
    bool v6 = a->sa_family == AF_INET6;
    l->loopback = (l->loopback || !l->n) && is_loopback(a);
    if (l->n)
        return;
    if (a->sa_family == AF_UNIX) {
        snprintf(l->text, sizeof l->text, "unix:%s", ((struct sockaddr_un *)a)->sun_path);
        return;
    }
    inet_ntop(a->sa_family,
              v6 ? (void *)&((struct sockaddr_in6 *)a)->sin6_addr
                 : (void *)&((struct sockaddr_in *)a)->sin_addr,
              host, sizeof host);
    snprintf(l->text, sizeof l->text, v6 ? "[%s]:%u" : "%s:%u", host, ntohs(*port_of(a)));
}

/* Opens one more socket; with `port` (network order) where that is known already. */
static bool add(pf_listener *l, const struct sockaddr *sa, socklen_t len, bool dual, uint16_t *port)
{
    struct sockaddr_storage at = {0};
    memcpy(&at, sa, len);
    struct sockaddr *a = (struct sockaddr *)&at;
    if (*port)
        *port_of(a) = *port;
    int fd = open_one(a, len, dual);
    if (fd < 0)
        return false;
    socklen_t n = sizeof at;
    getsockname(fd, a, &n);
    *port = *port_of(a);
    describe(l, a);
    l->fds[l->n++] = fd;
    return true;
}

static pf_code open_any(pf_listener *l, const char *addr, uint16_t port, pf_error *err)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    uint16_t given = port;
    if (add(l, (struct sockaddr *)&v6, sizeof v6, true, &given))
        return PF_OK;
    if ((errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
        add(l, (struct sockaddr *)&v4, sizeof v4, false, &given))
        return PF_OK;
    return pf_fail(err, PF_UNAVAILABLE, "can't listen on %s: %s", addr, strerror(errno));
}

/* All addresses of a name. One that this machine does not have (::1 without IPv6) is passed over
 * as long as another works; one that is taken is an error, since clients might reach the other
 * server. */
static pf_code open_named(pf_listener *l, const char *addr, const char *host, const char *port,
                          pf_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc)
        return pf_fail(err, PF_INVALID, "bad address \"%s\": %s", addr, gai_strerror(rc));
    uint16_t given = 0;
    int e = 0;
    for (struct addrinfo *a = list; a && l->n < PF_LISTENER_SOCKETS; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        if (!add(l, a->ai_addr, a->ai_addrlen, false, &given) &&
            (!e || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)))
            e = errno;
    }
    freeaddrinfo(list);
    if (l->n && (!e || e == EADDRNOTAVAIL || e == EAFNOSUPPORT))
        return PF_OK;
    pf_listener_close(l);
    return pf_fail(err, PF_UNAVAILABLE, "can't listen on %s: %s", addr,
                   e ? strerror(e) : "no usable address");
}

/* Nobody answers behind a socket that a killed process has left. */
static bool is_left_over(const struct sockaddr_un *sa)
{
    struct stat st;
    if (lstat(sa->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return dead;
}

static pf_code open_unix(pf_listener *l, const char *addr, const char *path, pf_error *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (!n || n >= sizeof sa.sun_path)
        return bad_address(err, addr, "the path of a Unix socket has 1 to 107 bytes");
    memcpy(sa.sun_path, path, n + 1);
    if (is_left_over(&sa))
        unlink(path);
    int fd = open_one((struct sockaddr *)&sa, sizeof sa, false);
    if (fd < 0)
        return pf_fail(err, PF_UNAVAILABLE, "can't listen on %s: %s", addr, strerror(errno));
    l->fds[l->n++] = fd;
    l->loopback = true;
    l->unix_path = strdup(path);
    struct stat st;
    if (lstat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    snprintf(l->text, sizeof l->text, "%s", addr);
    return PF_OK;
}

pf_code pf_listener_open(pf_listener *l, const char *addr, pf_error *err)
{
    *l = (pf_listener){0};
    if (strncmp(addr, "unix:", 5) == 0)
        return open_unix(l, addr, addr + 5, err);
    char host[HOST_MAX + 1] = "";
    const char *port = "";
    pf_code code = split(addr, host, &port, err);
    if (code)
        return code;
    if (!*host)
        return open_any(l, addr, htons((uint16_t)atoi(port)), err);
    return open_named(l, addr, host, port, err);
}

pf_code pf_listener_inherit(pf_listener *l, int fd, pf_error *err)
{
    *l = (pf_listener){.inherited = true};
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int listens = 0;
    socklen_t n = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0 || !listens ||
        getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return pf_fail(err, PF_INVALID, "the inherited descriptor %d is no listening socket", fd);
    if (sa.ss_family != AF_INET && sa.ss_family != AF_INET6 && sa.ss_family != AF_UNIX)
        return pf_fail(err, PF_INVALID, "the inherited socket %d is of an unknown family", fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return pf_fail(err, PF_INTERNAL, "can't use the inherited socket %d: %s", fd,
                       strerror(errno));
    describe(l, (struct sockaddr *)&sa);
    l->fds[l->n++] = fd;
    return PF_OK;
}

static void remove_path(const pf_listener *l)
{
    struct stat st;
    if (lstat(l->unix_path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->unix_path);
}

void pf_listener_close(pf_listener *l)
{
    for (unsigned i = 0; i < l->n && !l->inherited; i++)
        close(l->fds[i]);
    if (l->unix_path)
        remove_path(l);
    free(l->unix_path);
    l->unix_path = NULL;
    l->n = 0;
}
