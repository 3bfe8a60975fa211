/* networks.h: lists of networks ("10.0.0.0/8, ::1, unix"), and whom a proxy forwards for.
 *
 * Read-only once parsed, so thread-safe.
 */
#ifndef PF_SERVER_HTTP_NETWORKS_H
#define PF_SERVER_HTTP_NETWORKS_H

#include "base/error.h"
#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* An address as 16 bytes: IPv4 as ::ffff:a.b.c.d. */
typedef struct pf_address {
    uint8_t byte[16];
} pf_address;

/* From a socket's address; false for other families. */
bool pf_address_of(const struct sockaddr *sa, pf_address *out);

/* "127.0.0.1", "::1", "[::1]"; with `port` also "1.2.3.4:80" and "[::1]:80". False on anything else. */
bool pf_address_parse(pf_str s, bool port, pf_address *out);

/* "127.0.0.1" or "::1": IPv4 mapped into IPv6 as IPv4. */
void pf_address_format(const pf_address *a, char out[static INET6_ADDRSTRLEN]);
bool pf_address_is_loopback(const pf_address *a);

enum { PF_NETWORKS_MAX = 64 };

typedef struct pf_network {
    pf_address address;
    unsigned bits; /* 0 to 128 */
} pf_network;

typedef struct pf_networks {
    pf_network list[PF_NETWORKS_MAX];
    size_t n;
    bool local; /* "unix" is among them: whoever comes by a Unix socket */
} pf_networks;

/* NULL and "" are no network. PF_INVALID names what can't be read. */
pf_code pf_networks_parse(pf_networks *s, const char *text, pf_error *err);
bool pf_networks_have(const pf_networks *s, const pf_address *a);

/* Whom trusted proxies name in one kind of header, gathered line by line. Zeroed first. */
typedef struct pf_forwarded {
    bool seen;  /* there was such a line */
    bool named; /* `client` is set */
    pf_address client;
} pf_forwarded;

/* The next line of X-Forwarded-For or, with `rfc7239`, of Forwarded. The client is the last address that isn't a
 * proxy's, since only what they have appended themselves is to be believed; for the same reason what can't be read
 * makes everything before it worthless. */
void pf_networks_follow(const pf_networks *s, pf_str line, bool rfc7239, pf_forwarded *f);

/* False: nobody is named. Where both kinds are there they must agree: a proxy that writes the one may pass the other on
 * as the client sent it. */
bool pf_forwarded_client(const pf_forwarded *rfc7239, const pf_forwarded *x, pf_address *out);

#endif
