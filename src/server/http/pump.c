#include "server/http/pump.h"

#include <string.h>

enum {
    READ_MORE = 16 << 10,  /* bytes read at once behind others that wait to be taken */
    STEPS_MAX = 64,        /* reads and writes before others have their turn */
    WRITE_STEP = 16 << 10, /* bytes that count as progress */
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* of HTTP/2: RFC 9113 3.4 */
enum { PREFACE = sizeof preface - 1 };

void pf_pump_use(pf_pump *p, pf_protocol *fresh)
{
    if (p->protocol)
        p->protocol->ops->free(p->protocol);
    p->protocol = fresh;
    p->broken = p->broken || !fresh;
}

void pf_pump_free(pf_pump *p)
{
    if (p->protocol)
        p->protocol->ops->free(p->protocol);
    p->protocol = NULL;
    pf_io_close(&p->io);
    pf_buf_free(&p->in);
}

/* The first bytes in clear text. False: they are too few to tell. */
static bool decide(pf_pump *p, const char *data, size_t n)
{
    bool h2 = memcmp(data, preface, n < PREFACE ? n : PREFACE) == 0;
    if (h2 && n < PREFACE)
        return false;
    if (h2)
        pf_pump_use(p, p->choose_h2(p->origin, p->owner));
    p->choose_h2 = NULL;
    return true;
}

/* Offers what has come to the protocol; returns how much it took. */
static size_t offer(pf_pump *p, const char *data, size_t n)
{
    if (!n || (p->choose_h2 && !decide(p, data, n)) || p->broken || !p->protocol->wants_input)
        return 0;
    return p->protocol->ops->input(p->protocol, data, n);
}

static bool offer_waiting(pf_pump *p)
{
    size_t taken = offer(p, p->in.data, p->in.len);
    if (taken == p->in.len) {
        pf_buf_free(&p->in);
    } else if (taken) {
        p->in.len -= taken;
        memmove(p->in.data, p->in.data + taken, p->in.len);
    }
    return taken > 0;
}

static void received(pf_pump *p, const char *data, size_t n)
{
    size_t taken = offer(p, data, n);
    if (taken < n)
        pf_buf_put(&p->in, data + taken, n - taken);
    p->broken = p->broken || p->in.failed;
}

bool pf_pump_read(pf_pump *p)
{
    if (!p->protocol->wants_input || p->input_ended || !p->readable)
        return false;
    bool behind = p->in.len > 0;
    size_t room = behind ? READ_MORE : PF_LOOP_SCRATCH, got = 0;
    char *at = behind ? pf_buf_reserve(&p->in, room) : pf_loop_scratch(p->loop);
    if (!at) {
        p->broken = true;
        return false;
    }
    switch (pf_io_read(&p->io, at, room, &got)) {
    case PF_IO_OK:
        /* The socket is empty when it gives less than was asked for; TLS may hold more. */
        p->readable = p->io.ssl || got == room || p->half_closed;
        if (behind) {
            p->in.len += got;
            offer_waiting(p);
        } else {
            received(p, at, got);
        }
        return true;
    case PF_IO_AGAIN:
        p->readable = false;
        return false;
    case PF_IO_END:
        p->input_ended = true;
        p->protocol->ops->input_ended(p->protocol);
        return true;
    default:
        p->broken = true;
        return false;
    }
}

static bool write_some(pf_pump *p)
{
    struct iovec pieces[PF_OUTPUT_PIECES];
    size_t put = 0;
    int n = p->writable ? p->protocol->ops->output(p->protocol, pieces) : 0;
    if (!n)
        return false;
    switch (pf_io_write(&p->io, pieces, n, &put)) {
    case PF_IO_OK:
        p->written += put;
        p->protocol->ops->sent(p->protocol, put);
        return true;
    case PF_IO_AGAIN:
        p->writable = false;
        return false;
    default:
        p->broken = true;
        return false;
    }
}

static bool is_over(const pf_pump *p)
{
    return p->broken || p->protocol->aborted;
}

bool pf_pump_run(pf_pump *p)
{
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (is_over(p))
            return true;
        bool moved = write_some(p);
        if (!is_over(p) && !p->protocol->ended)
            moved = offer_waiting(p) || pf_pump_read(p) || moved;
        if (!moved)
            return true;
    }
    return false;
}

static void note_progress(pf_pump *p)
{
    p->acknowledged = pf_io_acknowledged(&p->io, p->written);
    p->progress_at = pf_loop_now(p->loop);
}

bool pf_pump_look(pf_pump *p)
{
    struct iovec pieces[PF_OUTPUT_PIECES];
    bool pending = p->protocol->ops->output(p->protocol, pieces) > 0;
    bool blocked = pending && !p->writable;
    if (blocked && !p->blocked)
        note_progress(p);
    p->blocked = blocked;
    return pending;
}

bool pf_pump_is_stuck(pf_pump *p)
{
    uint64_t acknowledged = pf_io_acknowledged(&p->io, p->written);
    if (acknowledged - p->acknowledged < WRITE_STEP)
        return true;
    note_progress(p);
    return false;
}
