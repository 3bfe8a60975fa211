#include "server/http/coding.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { ZSTD_LEVEL = 1, DEFLATE_LEVEL = 1, OUT_STEP = 64 << 10, WEIGHT_ONE = 1000 };

/* The weight in thousandths: "0.25" is 250. What can't be read is 0: not accepted. */
static int weight_of(pf_str params)
{
    pf_str one;
    while (params.n) {
        pf_str_cut(params, ';', &one, &params);
        one = pf_str_trim(one);
        if (one.n < 3 || (one.p[0] | 32) != 'q' || one.p[1] != '=')
            continue;
        if (one.p[2] == '1')
            return WEIGHT_ONE;
        int weight = 0, unit = WEIGHT_ONE / 10;
        for (size_t i = 4; one.p[2] == '0' && i < one.n && i < 7; i++, unit /= 10) {
            if (one.p[i] < '0' || one.p[i] > '9')
                return 0;
            weight += (one.p[i] - '0') * unit;
        }
        return weight;
    }
    return WEIGHT_ONE;
}

pf_coding pf_coding_pick(pf_str accept_encoding, unsigned offered)
{
    int gzip = -1, zstd = 0, any = 0, identity = 0;
    pf_str one, name, params;
    while (accept_encoding.n) {
        pf_str_cut(accept_encoding, ',', &one, &accept_encoding);
        pf_str_cut(one, ';', &name, &params);
        name = pf_str_trim(name);
        if (pf_str_eq_nocase(name, PF_STR("gzip")) || pf_str_eq_nocase(name, PF_STR("x-gzip")))
            gzip = weight_of(params);
        else if (pf_str_eq_nocase(name, PF_STR("zstd")))
            zstd = weight_of(params);
        else if (pf_str_eq_nocase(name, PF_STR("identity")))
            identity = weight_of(params);
        else if (pf_str_eq(name, PF_STR("*")))
            any = weight_of(params);
    }
    if (gzip < 0)
        gzip = any;
    if (!(offered & 1 << PF_CODING_ZSTD))
        zstd = 0;
    if ((!gzip && !zstd) || (identity > gzip && identity > zstd))
        return PF_CODING_NONE;
    return zstd >= gzip ? PF_CODING_ZSTD : PF_CODING_GZIP;
}

const char *pf_coding_name(pf_coding c)
{
    static const char *const names[] = {"identity", "gzip", "zstd"};
    return names[c];
}

bool pf_coding_suits(const char *content_type)
{
    static const char *const types[] = {"text/", "application/json", "image/svg+xml",
                                        "application/javascript"};
    for (size_t i = 0; content_type && i < sizeof types / sizeof *types; i++)
        if (strncmp(content_type, types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

struct pf_encoder {
    struct isal_zstream z;
    uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
};

size_t pf_encoder_bytes(void)
{
    return sizeof(pf_encoder);
}

pf_encoder *pf_encoder_new(void)
{
    pf_encoder *e = malloc(sizeof *e);
    if (!e)
        return NULL;
    isal_deflate_init(&e->z);
    e->z.level = DEFLATE_LEVEL;
    e->z.level_buf = e->level_buf;
    e->z.level_buf_size = sizeof e->level_buf;
    e->z.gzip_flag = IGZIP_GZIP;
    e->z.flush = SYNC_FLUSH;
    return e;
}

void pf_encoder_free(pf_encoder *e)
{
    free(e);
}

/* Whatever is left inside comes out when there is room: a call that leaves some is the last. */
static bool deflate_piece(pf_encoder *e, uint8_t *p, uint32_t n, bool last, pf_buf *out)
{
    e->z.next_in = p;
    e->z.avail_in = n;
    e->z.end_of_stream = last;
    do {
        char *at = pf_buf_reserve(out, OUT_STEP);
        if (!at)
            return false;
        e->z.next_out = (uint8_t *)at;
        e->z.avail_out = OUT_STEP;
        if (isal_deflate(&e->z) != COMP_OK)
            return false;
        out->len += OUT_STEP - e->z.avail_out;
    } while (e->z.avail_out == 0 || e->z.avail_in);
    return true;
}

bool pf_encoder_put(pf_encoder *e, pf_str in, bool last, pf_buf *out)
{
    enum { MOST = 1 << 30 }; /* lengths are 32 bits there */
    while (in.n > MOST) {
        if (!deflate_piece(e, (uint8_t *)in.p, MOST, false, out))
            return false;
        in = (pf_str){in.p + MOST, in.n - MOST};
    }
    return deflate_piece(e, (uint8_t *)in.p, (uint32_t)in.n, last, out);
}

static bool gzip_all(pf_str in, pf_buf *out)
{
    pf_encoder *e = pf_encoder_new();
    if (!e)
        return false;
    e->z.flush = NO_FLUSH;
    bool ok = pf_encoder_put(e, in, true, out);
    pf_encoder_free(e);
    return ok;
}

static bool zstd_all(pf_str in, pf_buf *out)
{
    size_t bound = ZSTD_compressBound(in.n);
    char *at = pf_buf_reserve(out, bound);
    size_t n = at ? ZSTD_compress(at, bound, in.p, in.n, ZSTD_LEVEL) : 0;
    if (!at || ZSTD_isError(n))
        return false;
    out->len += n;
    return true;
}

bool pf_coding_encode(pf_coding c, pf_str in, pf_buf *out)
{
    size_t before = out->len;
    bool ok = c == PF_CODING_ZSTD ? zstd_all(in, out) : c == PF_CODING_GZIP && gzip_all(in, out);
    return ok && out->len - before < in.n;
}
