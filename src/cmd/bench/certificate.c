#include "cmd/bench/certificate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

static bool fill(X509 *x509, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -HOUR) &&
           X509_gmtime_adj(X509_getm_notAfter(x509), DAY) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"profefe-bench", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
           X509_sign(x509, key, EVP_sha256()) > 0;
}

static pf_code write_both(const char *cert_file, X509 *x509, const char *key_file, EVP_PKEY *key,
                          pf_error *err)
{
    FILE *c = fopen(cert_file, "we"), *k = fopen(key_file, "we");
    bool ok = c && k && PEM_write_X509(c, x509) == 1 &&
              PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = (!c || fclose(c) == 0) && ok;
    ok = (!k || fclose(k) == 0) && ok;
    return ok ? PF_OK : pf_fail(err, PF_INTERNAL, "can't write %s: %s", cert_file, strerror(errno));
}

pf_code bench_certificate_make(const char *cert_file, const char *key_file, pf_error *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    pf_code code = key && x509 && fill(x509, key)
                       ? write_both(cert_file, x509, key_file, key, err)
                       : pf_fail(err, PF_INTERNAL, "can't make a certificate");
    EVP_PKEY_free(key);
    X509_free(x509);
    return code;
}
