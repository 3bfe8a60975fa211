/* config.h: the server's flags, checked and made into what the parts want.
 *
 * A flag is one row of the table in config.c: its name, the member of pf_config that takes it, its
 * default, its range, its help. -help, the environment variables and the messages come from there.
 */
#ifndef PF_CMD_CONFIG_H
#define PF_CMD_CONFIG_H

#include "base/flags.h"
#include "base/log.h"
#include "server/api/api.h"
#include "server/http/http.h"
#include "storage/local/local.h"

/* Who may do what. A text is NULL when it was not given, a limit 0 when there is none. */
typedef struct pf_access_config {
    const char *auth_file;     /* without it everything is open */
    const char *hosts;         /* "a.example,*.b.example" */
    const char *cors_origins;  /* "https://a.example", or "*" */
    int64_t push_rate;         /* pushes a second */
    int64_t push_bytes;        /* bytes a second, as sent */
    int64_t query_concurrency; /* queries at once */
} pf_access_config;

typedef struct pf_config {
    bool version;
    pf_flags_help help;
    bool check;                  /* -local.check: verify the store and exit */
    bool auth_hash;              /* -auth.hash: hash a secret and exit */
    const char *auth_new;        /* -auth.new: the name of a token to make, then exit; or NULL */
    int64_t exit_timeout;        /* ns */
    int64_t memory_max_inflight; /* bytes */
    char base_path[256];         /* what http and api point to: a pf_config is not copied */
    pf_flag_list addr;           /* to listen on */
    pf_tls_config tls;           /* cert NULL: clear text */
    pf_http_config http;         /* its listens are whoever starts it's to fill in */
    pf_api_config api;
    pf_local_config local;
    pf_access_config access;

    /* Used while the flags are read. */
    const char *log_level, *log_format;
    bool log_access;
    const char *storage_type, *badger_dir; /* badger_dir: NULL when not given */
    int64_t badger_data_ttl;               /* ns */
} pf_config;

/* Reads the command line and the environment, sets the log up as they say, and warns there about
 * flags of the original server that do nothing here. PF_INVALID says what is wrong. Texts are
 * borrowed from argv and the environment. With help, version, auth_hash or auth_new set nothing else
 * was looked at. */
pf_code pf_config_read(pf_config *c, int argc, char **argv, pf_error *err);

/* Fills *c with the defaults; the flags, ready to be parsed into it. */
pf_flags pf_config_flags(pf_config *c);

/* The flags with their defaults, grouped: as text, as what docs/operations.md says of them, or as
 * the man page profefe(1). (help.c) */
void pf_config_print_help(pf_flags_help form, FILE *out);

#endif
