#include "server/http/chunked.h"

#include "server/http/target.h"

enum state {
    SIZE,     /* hexadecimal digits */
    PADDING,  /* white space before an extension */
    EXT,      /* extensions, up to CR */
    SIZE_LF,  /* the LF that ends the size's line */
    DATA,     /* the chunk's bytes */
    DATA_CR,  /* the CR, then the LF behind them */
    DATA_LF,  /*  */
    LINE,     /* the first byte of a trailer line; CR: there is none */
    NAME,     /* its name */
    VALUE,    /* its value, up to CR */
    VALUE_LF, /* the LF that ends it */
    END_LF,   /* the LF of the empty line */
    END,
};

static int hex(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool take_size(pf_chunked *c, unsigned char b)
{
    int digit = hex(b);
    if (digit >= 0) {
        if (++c->digits > 16 || c->left >> 60)
            return false;
        c->left = c->left << 4 | (unsigned)digit;
        return true;
    }
    if (!c->digits)
        return false;
    c->last = c->left == 0;
    c->state = b == '\r' ? SIZE_LF : b == ';' ? EXT : PADDING;
    return b == '\r' || b == ';' || b == ' ' || b == '\t';
}

/* A byte that is no data. False: malformed. */
static bool take(pf_chunked *c, unsigned char b)
{
    switch ((enum state)c->state) {
    case SIZE:
        return take_size(c, b);
    case PADDING:
        c->state = b == ';' ? EXT : PADDING;
        return (b == ';' || b == ' ' || b == '\t') && ++c->overhead <= PF_CHUNK_EXTENSIONS_MAX;
    case EXT:
        c->state = b == '\r' ? SIZE_LF : EXT;
        return b == '\r' || (is_text(b) && ++c->overhead <= PF_CHUNK_EXTENSIONS_MAX);
    case SIZE_LF:
        c->state = c->last ? LINE : DATA;
        if (c->last)
            c->overhead = 0;
        return b == '\n';
    case DATA_CR:
        c->state = DATA_LF;
        return b == '\r';
    case DATA_LF:
        c->state = SIZE;
        c->digits = 0;
        return b == '\n';
    case LINE:
        c->state = b == '\r' ? END_LF : NAME;
        return b == '\r' || pf_is_token((pf_str){(const char *)&b, 1});
    case NAME:
        c->state = b == ':' ? VALUE : NAME;
        return (b == ':' || pf_is_token((pf_str){(const char *)&b, 1})) &&
               ++c->overhead <= PF_CHUNK_TRAILERS_MAX;
    case VALUE:
        c->state = b == '\r' ? VALUE_LF : VALUE;
        return b == '\r' || (is_text(b) && ++c->overhead <= PF_CHUNK_TRAILERS_MAX);
    case VALUE_LF:
        c->state = LINE;
        return b == '\n' && ++c->overhead <= PF_CHUNK_TRAILERS_MAX;
    case END_LF:
        c->state = END;
        return b == '\n';
    case DATA:
    case END:
        break;
    }
    return false;
}

pf_chunked_result pf_chunked_next(pf_chunked *c, const char *p, size_t n, size_t *taken,
                                  pf_str *data)
{
    size_t at = 0;
    while (at < n) {
        if (c->state == DATA) {
            size_t len = c->left < n - at ? (size_t)c->left : n - at;
            *data = (pf_str){p + at, len};
            c->left -= len;
            if (!c->left)
                c->state = DATA_CR;
            *taken = at + len;
            return PF_CHUNKED_DATA;
        }
        if (!take(c, (unsigned char)p[at++]))
            return PF_CHUNKED_BAD;
        if (c->state == END) {
            *taken = at;
            return PF_CHUNKED_END;
        }
    }
    *taken = n;
    return PF_CHUNKED_MORE;
}
