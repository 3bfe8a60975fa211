#include "server/access/secret.h"

#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 160, DIGEST = 32 };

void pf_secret_new(char out[static PF_SECRET_CHARS + 1])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    uint8_t random[BITS / 8];
    unsigned bits = 0, held = 0;
    char *p = out;
    pf_random(random, sizeof random);
    memcpy(p, "pf_", 3);
    p += 3;
    for (size_t i = 0; i < sizeof random; i++) {
        bits = (bits << 8 | random[i]) & 0xffff;
        for (held += 8; held >= 5; held -= 5)
            *p++ = digits[bits >> (held - 5) & 31];
    }
    *p = 0;
    OPENSSL_cleanse(random, sizeof random);
}

static pf_str without_line_break(pf_str s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n -= s.n > 1 && s.p[s.n - 2] == '\r' ? 2 : 1;
    return s;
}

pf_code pf_secret_hash(pf_str secret, char hex[static PF_SECRET_HEX + 1], pf_error *err)
{
    unsigned char digest[DIGEST];
    secret = without_line_break(secret);
    if (secret.n < PF_SECRET_MIN)
        return pf_fail(err, PF_INVALID, "a secret of %zu bytes is too short: at least %d", secret.n,
                       PF_SECRET_MIN);
    if (secret.n > PF_SECRET_MAX)
        return pf_fail(err, PF_INVALID, "the secret is too long: at most %d bytes", PF_SECRET_MAX);
    if (pf_str_has_control(secret) || pf_str_trim(secret).n != secret.n)
        return pf_fail(err, PF_INVALID,
                       "the secret holds a line break or another control "
                       "character, or begins or ends with white space: no header "
                       "can carry it");
    if (EVP_Digest(secret.p, secret.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return pf_fail_nomem(err, "the hash");
    for (size_t i = 0; i < DIGEST; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return PF_OK;
}
