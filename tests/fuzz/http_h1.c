/* HTTP/1.1 on a connection. However its bytes are cut into pieces, in and out, the same answers must come, as many as there
 * were requests. The first byte says how the third run cuts them. */
#include "http_wire.h"
#include "server/http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What changes from run to run is blotted out: the value of this header. */
static void blot(pf_buf *b, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n < b->len; i++)
        if (memcmp(b->data + i, name, n) == 0)
            for (i += n; i < b->len && b->data[i] != '\r'; i++)
                b->data[i] = '-';
}

static unsigned count(const pf_buf *b, const char *what)
{
    unsigned found = 0;
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= b->len; i++)
        found += memcmp(b->data + i, what, n) == 0;
    return found;
}

/* What came out; *finished are the requests. */
static pf_buf run(const uint8_t *data, size_t size, size_t step, size_t out_step, bool growing)
{
    wire w;
    wire_open(&w, pf_h1_new);
    w.out_step = out_step;
    for (size_t at = 0; at < size;) {
        size_t n = size - at < step ? size - at : step;
        wire_feed(&w, data + at, n);
        at += n;
        step += growing;
    }
    wire_hang_up(&w);
    bool aborted = w.p->aborted;
    pf_buf out = w.out;
    w.out = PF_BUF_INIT;
    wire_close(&w);
    unsigned answers = count(&out, "HTTP/1.1 ") - count(&out, "HTTP/1.1 100 Continue\r\n");
    CHECK(answers == w.finished || (aborted && answers < w.finished));
    CHECK(!out.failed);
    blot(&out, "\r\nDate: ");
    blot(&out, "\r\nX-Request-Id: ");
    return out;
}

static void check_same(const pf_buf *a, pf_buf b)
{
    CHECK(a->len == b.len && (!b.len || memcmp(a->data, b.data, b.len) == 0));
    pf_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 20000)
        return 0;
    size_t step = 1 + (data[0] & 31), out_step = 1 + (data[0] >> 5) * 1000;
    data++;
    size--;
    pf_buf whole = run(data, size, SIZE_MAX, SIZE_MAX, false);
    check_same(&whole, run(data, size, step, out_step, true));
    if (size < 600)
        check_same(&whole, run(data, size, 1, SIZE_MAX, false));
    pf_buf_free(&whole);
    return 0;
}
