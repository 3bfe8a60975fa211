/* Content codings: a line of Accept-Encoding, then a body, which must come back whole however it was cut into pieces. */
#include "pprof/gzip.h"
#include "pprof/zstd.h"
#include "server/http/coding.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_decoded(pf_coding c, pf_str coded, pf_str body)
{
    pf_arena a;
    pf_str out;
    pf_error err;
    pf_arena_init(&a, NULL, 0);
    check(!(c == PF_CODING_ZSTD ? pf_unzstd(coded, body.n + 1, &a, &out, &err)
                                : pf_gunzip(coded, body.n + 1, &a, &out, &err)));
    check(pf_str_eq(out, body));
    pf_arena_free(&a);
}

static void check_stream(pf_str body, size_t step)
{
    pf_buf coded = PF_BUF_INIT;
    pf_encoder *e = pf_encoder_new();
    check(e);
    for (size_t at = 0, n; at <= body.n; at += step) {
        n = body.n - at < step ? body.n - at : step;
        check(pf_encoder_put(e, (pf_str){body.p + at, n}, at + step > body.n, &coded));
    }
    check_decoded(PF_CODING_GZIP, pf_buf_str(&coded), body);
    pf_encoder_free(e);
    pf_buf_free(&coded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_str accept, body;
    if (!pf_str_cut((pf_str){(const char *)data, size}, '\n', &accept, &body))
        return 0;
    pf_coding picked = pf_coding_pick(accept, PF_CODINGS_OF_BODIES);
    check(pf_coding_name(picked) != NULL);
    for (pf_coding c = PF_CODING_GZIP; c <= PF_CODING_ZSTD; c++) {
        pf_buf coded = PF_BUF_INIT;
        if (pf_coding_encode(c, body, &coded))
            check_decoded(c, pf_buf_str(&coded), body);
        pf_buf_free(&coded);
    }
    check_stream(body, 1 + (size ? data[0] % 200 : 0) * 7u);
    return 0;
}
