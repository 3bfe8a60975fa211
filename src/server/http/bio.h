/* bio.h: how OpenSSL reads and writes a connection's socket.
 *
 * OpenSSL's own socket BIO won't do: its writes raise SIGPIPE, and SSL_read goes on by itself as long as records come
 * that hold no data. A client that sends nothing but key updates, or asks to renegotiate all the time, would keep its
 * HTTP thread in there while others wait. So reading is rationed.
 */
#ifndef PF_SERVER_HTTP_BIO_H
#define PF_SERVER_HTTP_BIO_H

#include <stdbool.h>
#include <stdint.h>

/* Belongs to one thread; stays where it is as long as its BIO lives. */
typedef struct pf_bio {
    int fd;
    unsigned reads;      /* that may still be done; at 0 the socket looks empty */
    bool eof;            /* the client has shut its sending side */
    unsigned char first; /* byte that came; 0 before that */
    uint64_t written;    /* bytes */
} pf_bio;

/* A BIO over `b`, which is borrowed. NULL: out of memory. */
struct bio_st *pf_bio_new(pf_bio *b);

#endif
