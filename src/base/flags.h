/* flags.h: command-line flags as Go's package flag reads them, with an environment variable for
 * each.
 *
 * `-name=value`, `-name value`, and both with two dashes. A boolean stands alone or as
 * `-name=false`. The first word that is not a flag, or what follows `--`, ends them. A flag that is
 * not on the command line is taken from the environment: prefix + name in upper case, '.' and '-'
 * written '_'
 * (`-local.dir` is PROFEFE_LOCAL_DIR); an empty variable counts as unset.
 *
 *     pf_flag list[] = {
 *         PF_FLAG("addr", STRING, &conf.addr, "Server", "host:port", "address to listen on"),
 *     };
 *     pf_flags flags = {.program = "profefe", .env_prefix = "PROFEFE_", .list = list, .n = 1};
 *     if (pf_flags_parse(&flags, argc, argv, &err)) ...
 *
 * What `value` points to holds the default before parsing. Not thread-safe; used once at start.
 */
#ifndef PF_BASE_FLAGS_H
#define PF_BASE_FLAGS_H

#include "base/error.h"
#include "base/str.h"

#include <stdio.h>

typedef enum pf_flag_kind {
    PF_FLAG_STRING,   /* const char **: borrowed from argv or the environment */
    PF_FLAG_BOOL,     /* bool *: 1, 0, t, f, true, false and so on */
    PF_FLAG_INT,      /* int64_t *: not negative */
    PF_FLAG_DURATION, /* int64_t *: nanoseconds, not negative; "1h30m", "300ms", "7d", "0" */
    PF_FLAG_SIZE,     /* int64_t *: bytes, not negative; "64MiB", "1GB", "1048576" */
    PF_FLAG_LIST, /* pf_flag_list *: may be given several times; the first one clears the default */
    PF_FLAG_IGNORED, /* takes a value and does nothing with it: `set` tells that it was there */
} pf_flag_kind;

enum { PF_FLAG_LIST_MAX = 16 };

/* The values of a flag that may be given several times; in the environment they are separated by commas. */
typedef struct pf_flag_list {
    const char *item[PF_FLAG_LIST_MAX]; /* borrowed, or in `text` */
    size_t n;
    char text[1024];
} pf_flag_list;

typedef struct pf_flag {
    const char *name;
    pf_flag_kind kind;
    void *value;
    const char *group; /* headline in the help; NULL hides the flag */
    const char *arg;   /* what the value is called in the help; NULL for a boolean */
    const char *help;
    bool set;          /* out: given on the command line or in the environment */
    bool ignored_bool; /* PF_FLAG_IGNORED: it is a boolean, so it takes no separate value */
} pf_flag;

/* An entry of a table: name, the kind behind PF_FLAG_, value, group, arg, help. */
#define PF_FLAG(n, k, v, g, a, h)                                                                  \
    {                                                                                              \
        .name = (n), .kind = PF_FLAG_##k, .value = (v), .group = (g), .arg = (a), .help = (h)      \
    }

typedef struct pf_flags {
    const char *program;
    const char *env_prefix; /* NULL: the environment is not looked at */
    pf_flag *list;
    size_t n;
    bool help;   /* out: -h, -help or --help was there */
    char **rest; /* out: the words behind the flags */
    int nrest;
} pf_flags;

/* PF_INVALID names the flag and the value. */
pf_code pf_flags_parse(pf_flags *f, int argc, char **argv, pf_error *err);

/* Prints the groups in their order with each flag's default. Call before parsing changes the
 * values. */
void pf_flags_print(const pf_flags *f, FILE *out);

const pf_flag *pf_flags_find(const pf_flags *f, const char *name);

/* The readings on their own; false when the text is not one, or leaves int64. */
bool pf_duration_parse(pf_str s, int64_t *ns);
bool pf_size_parse(pf_str s, int64_t *bytes);

#endif
