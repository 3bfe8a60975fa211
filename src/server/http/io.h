/* io.h: bytes in and out of a connection's socket, in clear text or through TLS, without ever blocking.
 *
 * PF_IO_AGAIN means: nothing can be done until the socket is readable or writable (either may be what TLS waits
 * for, so try again at whichever comes). Belongs to one thread, and stays where it is while it is open.
 */
#ifndef PF_SERVER_HTTP_IO_H
#define PF_SERVER_HTTP_IO_H

#include "server/http/bio.h"
#include "server/http/tls.h"

#include <stddef.h>
#include <sys/uio.h>

typedef struct pf_io {
    int fd;    /* non-blocking; owned */
    void *ssl; /* SSL *; NULL: clear text */
    pf_bio bio;
} pf_io;

typedef enum pf_io_result {
    PF_IO_OK,
    PF_IO_AGAIN,
    PF_IO_END,   /* reading: the client will send no more */
    PF_IO_ERROR, /* the connection is broken, or TLS refuses it */
    PF_IO_CLEAR, /* the handshake met what looks like HTTP in clear text */
} pf_io_result;

/* Takes the socket over; `tls` NULL: clear text. False: out of memory, the socket is still the caller's. */
bool pf_io_open(pf_io *io, int fd, pf_tls *tls);
void pf_io_close(pf_io *io);

/* Once, before anything is read or written, until it is not PF_IO_AGAIN. OK at once in clear text. */
pf_io_result pf_io_handshake(pf_io *io);

/* With PF_IO_OK *got may be 0 through TLS: something came that was no data, and there may be more to read. */
pf_io_result pf_io_read(pf_io *io, char *p, size_t n, size_t *got);

/* Writes some of the pieces. What was not written must come first, all of it and unchanged, in the next call. */
pf_io_result pf_io_write(pf_io *io, const struct iovec *iov, int n, size_t *put);

/* Says that nothing more will be written: close_notify, then the sending side is shut. What does not go out at
 * once is given up. */
void pf_io_end(pf_io *io);

/* Closing will reset the connection, so that the kernel keeps nothing that the client will not take. */
void pf_io_abort(pf_io *io);

/* Writes past TLS: for PF_IO_CLEAR and for refusals before a connection is served. What does not go out at once is
 * given up. */
void pf_io_write_clear(int fd, const char *p, size_t n);

/* Bytes on the socket that the client's machine has acknowledged, of `written`, all that was written. */
uint64_t pf_io_acknowledged(const pf_io *io, uint64_t written);

/* What the handshake agreed on. */
bool pf_io_is_h2(const pf_io *io);
bool pf_io_was_resumed(const pf_io *io);

/* The subject of the client's verified certificate as "CN=ci,O=shop" (RFC 2253), NUL-terminated; false when it has
 * none, or one that does not fit. */
bool pf_io_client_name(const pf_io *io, char *out, size_t n);

#endif
