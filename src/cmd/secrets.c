#include "cmd/secrets.h"

#include "base/buf.h"
#include "server/access/rules.h"
#include "server/access/secret.h"

#include <openssl/crypto.h>

enum {
    INPUT_MAX = PF_SECRET_MAX + 3
}; /* with a line break, and one more to see that it is too long */

static int complain(FILE *err, const char *flag, const char *why, int status)
{
    fprintf(err, "profefe: %s: %s\n", flag, why);
    return status;
}

static int print(FILE *out, const char *line, FILE *err, const char *flag)
{
    if (fprintf(out, "%s\n", line) < 0 || fflush(out) != 0)
        return complain(err, flag, "can't write to standard output", 1);
    return 0;
}

int pf_secrets_hash(FILE *in, FILE *out, FILE *err)
{
    static const char flag[] = "-auth.hash";
    char secret[INPUT_MAX], hex[PF_SECRET_HEX + 1];
    pf_error why;
    size_t n = fread(secret, 1, sizeof secret, in);
    if (ferror(in))
        return complain(err, flag, "can't read standard input", 1);
    pf_code code = pf_secret_hash((pf_str){secret, n}, hex, &why);
    OPENSSL_cleanse(secret, sizeof secret);
    if (code)
        return complain(err, flag, why.msg, code == PF_INVALID ? 2 : 1);
    return print(out, hex, err, flag);
}

int pf_secrets_new(const char *name, FILE *out, FILE *err)
{
    static const char flag[] = "-auth.new";
    char secret[PF_SECRET_CHARS + 1], hex[PF_SECRET_HEX + 1];
    pf_error why;
    pf_buf quoted = PF_BUF_INIT;
    if (pf_token_name_check(pf_str_c(name), &why))
        return complain(err, flag, why.msg, 2);
    pf_buf_put_json(&quoted, pf_str_c(name)); /* YAML's texts in quotes are JSON's and more */
    pf_secret_new(secret);
    pf_code code = quoted.failed ? pf_fail_nomem(&why, "the name")
                                 : pf_secret_hash(pf_str_c(secret), hex, &why);
    int status = code ? complain(err, flag, why.msg, 1) : print(out, secret, err, flag);
    if (!status && fprintf(err,
                           "# the entry for the auth file, below \"tokens:\" (the secret is not in "
                           "it):\n"
                           "  - name: %.*s\n    hash: \"%s\"\n    rights: [push, query]\n",
                           PF_FMT(pf_buf_str(&quoted)), hex) < 0)
        status = 1;
    OPENSSL_cleanse(secret, sizeof secret);
    pf_buf_free(&quoted);
    return status;
}
