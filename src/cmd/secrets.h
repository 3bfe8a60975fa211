/* secrets.h: `profefe -auth.hash` and `profefe -auth.new NAME`.
 *
 *     $ profefe -auth.hash < secret
 *     0f3c…
 *     $ TOKEN=$(profefe -auth.new shop-ci)
 *     # the entry for the auth file, below "tokens:" (the secret is not in it):
 *       - name: "shop-ci"
 *         hash: "0f3c…"
 *         rights: [push, query]
 *
 * A hash goes to standard output, alone on its line. Of a new token the secret, alone on its line, goes to standard
 * output, for a script or a secret store to take, and the entry for the auth file to standard error, which stays on
 * the terminal. The entry is YAML as it stands: `2>> auth.yaml` appends it.
 */
#ifndef PF_CMD_SECRETS_H
#define PF_CMD_SECRETS_H

#include <stdio.h>

/* Each returns the program's exit status: 0; 2 when the secret or the name is none (a message on `err`); 1 when
 * reading or writing failed. */
int pf_secrets_hash(FILE *in, FILE *out, FILE *err);
int pf_secrets_new(const char *name, FILE *out, FILE *err);

#endif
