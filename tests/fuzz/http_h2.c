/* HTTP/2 on a connection, behind a preface that is right. The first byte says how the bytes are cut into pieces, the second
 * what else happens: deadlines that have come, the server's stop. What comes out must be frames, with at most one answer
 * for each request. */
#include "http_wire.h"
#include "server/http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

enum { LATE = 1, DRAIN = 2, HANG_UP = 4, TWICE = 8 }; /* the second byte */

/* Whole frames of kinds that a server sends; an answer is a head, or a 100 and a head, then maybe trailers. */
static void check_output(const pf_buf *out, unsigned requests, bool cut)
{
    static uint8_t heads[1 << 16];
    unsigned answers = 0;
    size_t at = 0;
    memset(heads, 0, sizeof heads);
    while (out->len - at >= 9) {
        const uint8_t *h = (const uint8_t *)out->data + at;
        size_t n = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        uint32_t stream = (uint32_t)h[5] << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];
        if (out->len - at - 9 < n)
            break;
        CHECK(n <= 1 << 14);
        CHECK(h[3] <= 9 && h[3] != 2 && h[3] != 5);
        CHECK((stream == 0) == (h[3] == 4 || h[3] == 6 || h[3] == 7 || (h[3] == 8 && !stream)));
        CHECK(stream % 2 || !stream);
        if (h[3] == 1 && stream < sizeof heads) {
            answers += !heads[stream]++;
            CHECK(heads[stream] <= 3);
        }
        at += 9 + n;
    }
    CHECK(at == out->len || cut);
    CHECK(answers <= requests);
}

static void end_time(wire *w)
{
    if (!wire_is_over(w) && w->p->deadline <= pf_loop_now(w->loop)) {
        w->p->ops->timeout(w->p);
        wire_run(w);
    }
}

static void run(const uint8_t *data, size_t size, size_t step, uint8_t what)
{
    wire w;
    wire_open(&w, pf_h2_new);
    w.out_step = step > 40 ? SIZE_MAX : step * 50;
    if (what & LATE)
        w.service.cfg.header_timeout = w.service.cfg.body_timeout = w.service.cfg.write_timeout =
            w.service.cfg.idle_timeout = 1;
    wire_feed(&w, (const uint8_t *)preface, sizeof preface - 1);
    for (size_t at = 0; at < size; at += step) {
        wire_feed(&w, data + at, size - at < step ? size - at : step);
        if (what & LATE && at / step % 4 == 3)
            end_time(&w);
        if (what & DRAIN && at <= size / 2 && at + step > size / 2 && !wire_is_over(&w)) {
            w.p->ops->drain(w.p);
            wire_run(&w);
        }
    }
    if (what & HANG_UP)
        wire_hang_up(&w);
    bool cut = w.p->aborted || what & HANG_UP;
    pf_buf out = w.out;
    w.out = PF_BUF_INIT;
    wire_close(&w);
    CHECK(!out.failed);
    check_output(&out, w.finished, cut);
    pf_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 100000)
        return 0;
    size_t step = 1 + data[0];
    run(data + 2, size - 2, step > 200 ? SIZE_MAX / 4 : step, data[1]);
    if (data[1] & TWICE && size < 2000)
        run(data + 2, size - 2, 1, data[1]);
    return 0;
}
