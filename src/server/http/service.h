/* service.h: what all connections of a server share: its configuration, the workers, counters. Set up before the
 * threads start and read-only from then on, but for what is atomic.
 */
#ifndef PF_SERVER_HTTP_SERVICE_H
#define PF_SERVER_HTTP_SERVICE_H

#include "server/http/holders.h"
#include "server/http/http.h"
#include "server/http/networks.h"
#include "server/http/workers.h"

typedef struct pf_service {
    pf_http_config cfg;
    pf_workers *workers;
    pf_networks trusted; /* proxies */
    pf_holders holders;  /* connections by address */
    unsigned pool_max;   /* unused requests that each loop keeps */

    atomic_bool stopping; /* answers carry Connection: close */
    atomic_uint connections;
    atomic_uint refusing; /* refused ones that are being closed politely */
    atomic_uint live;     /* requests */
    atomic_uint delayed;  /* those of them whose reply is held back */

    atomic_ullong accepted, refused, evicted, handshakes, resumed, handshake_failures,
        h2_connections, attacks;
} pf_service;

#endif
