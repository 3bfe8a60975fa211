/* certificate.h: what a server that is started here serves HTTPS with. */
#ifndef PF_CMD_BENCH_CERTIFICATE_H
#define PF_CMD_BENCH_CERTIFICATE_H

#include "base/error.h"

/* Writes a key on P-256 and a certificate for it, signed by itself and valid for a day, as PEM. */
pf_code bench_certificate_make(const char *cert_file, const char *key_file, pf_error *err);

#endif
