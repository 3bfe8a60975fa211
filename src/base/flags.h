/* flags.h: command-line flags as Go's package flag reads them, with an environment variable for
 * each.
 *
 * `-name=value`, `-name value`, and both with two dashes. A boolean stands alone or as
 * `-name=false`. The first word that is not a flag, or what follows `--`, ends them. A flag that is
 * not on the command line is taken from the environment: prefix + name in upper case, '.' and '-'
 * written '_' (`-local.dir` is PROFEFE_LOCAL_DIR); an empty variable counts as unset.
 *
 * A program has a constant table with a row for each flag. A row says which member of a struct
 * takes the value; the compiler refuses a member whose type does not suit the kind.
 *
 *     static const pf_flag list[] = {
 *         PF_FLAG(config, "addr", STRING, addr, "Server", "host:port", "address to listen on",
 *                 .initial = ":80"),
 *         PF_FLAG(config, "threads", INT, threads, "Server", "n", "threads that receive and send",
 *                 .least = 1, .most = 64),
 *     };
 *     config c = {.threads = 2};
 *     pf_flags flags = {.program = "x", .env_prefix = "X_", .list = list, .n = 2, .values = &c};
 *     pf_flags_defaults(&flags);
 *     if (pf_flags_parse(&flags, argc, argv, &err)) ...
 *
 * Not thread-safe; used once at start.
 */
#ifndef PF_BASE_FLAGS_H
#define PF_BASE_FLAGS_H

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdio.h>

typedef enum pf_flag_kind {
    PF_FLAG_STRING,   /* const char *: borrowed from argv or the environment */
    PF_FLAG_OPTIONAL, /* const char *: as STRING, but NULL for an empty text */
    PF_FLAG_BOOL,     /* bool: 1, 0, t, f, true, false and so on */
    PF_FLAG_INT,      /* a number: not negative */
    PF_FLAG_DURATION, /* a number: nanoseconds, not negative; "1h30m", "300ms", "7d", "0" */
    PF_FLAG_SIZE,     /* a number: bytes, not negative; "64MiB", "1GB", "1048576" */
    PF_FLAG_LIST, /* pf_flag_list: may be given several times; the first one clears the default */
    PF_FLAG_IGNORED,      /* takes a value and does nothing with it */
    PF_FLAG_IGNORED_BOOL, /* the same for a boolean, which takes no separate value */
} pf_flag_kind;

enum {
    PF_FLAG_LIST_MAX = 16,
    PF_FLAGS_MAX = 96, /* rows of a table */
    PF_FLAG_ENV_MAX = 128,
    PF_FLAG_GIVEN_MAX = PF_FLAG_ENV_MAX + 24,
    PF_FLAG_TEXT_MAX = 32, /* of a number with its unit */
};

/* The values of a flag that may be given several times; in the environment they are separated by commas. */
typedef struct pf_flag_list {
    const char *item[PF_FLAG_LIST_MAX]; /* borrowed, or in `text`: a list is not copied */
    size_t n;
    char text[1024];
} pf_flag_list;

/* A row: one flag. */
typedef struct pf_flag {
    const char *name;
    pf_flag_kind kind;
    size_t offset, size; /* of the member that takes the value; none for an ignored flag */
    const char *group;   /* headline in the help; NULL hides the flag */
    const char *arg;     /* what the value is called in the help; NULL for a boolean */
    const char *help;    /* one line */
    int64_t least, most; /* what a number may be; both 0: whatever its member can hold */
    const char *initial; /* the default as a user would write it; NULL: what the member holds */
    bool original;       /* the server that this one stands in for has it, too */
} pf_flag;

/* A row of a table: the struct, name, the kind behind PF_FLAG_, the member, group, arg, help; then
 * further fields of pf_flag by name. */
#define PF_FLAG(type, n, k, member, g, a, h, ...)                                                  \
    {                                                                                              \
        .name = (n), .kind = PF_FLAG_##k, .offset = offsetof(type, member),                        \
        .size = PF_FLAG_CHECKED_##k(((type *)0)->member), .group = (g), .arg = (a), .help = (h),   \
        __VA_ARGS__                                                                                \
    }

/* The member's size; a compile error when its type is not one that the kind writes. */
#define PF_FLAG_CHECKED_STRING(m) _Generic((m), const char * : sizeof(m))
#define PF_FLAG_CHECKED_OPTIONAL(m) _Generic((m), const char * : sizeof(m))
#define PF_FLAG_CHECKED_BOOL(m) _Generic((m), bool : sizeof(m))
#define PF_FLAG_CHECKED_NUMBER(m)                                                                  \
    _Generic((m), int64_t : sizeof(m), uint64_t : sizeof(m), unsigned : sizeof(m))
#define PF_FLAG_CHECKED_INT(m) PF_FLAG_CHECKED_NUMBER(m)
#define PF_FLAG_CHECKED_DURATION(m) PF_FLAG_CHECKED_NUMBER(m)
#define PF_FLAG_CHECKED_SIZE(m) PF_FLAG_CHECKED_NUMBER(m)
#define PF_FLAG_CHECKED_LIST(m) _Generic((m), pf_flag_list : sizeof(m))

/* The forms that -help has: -help or -help=text, -help=markdown, -help=man. */
typedef enum pf_flags_help {
    PF_FLAGS_HELP_NONE,
    PF_FLAGS_HELP_TEXT,
    PF_FLAGS_HELP_MARKDOWN, /* a headline and a table for each group */
    PF_FLAGS_HELP_MAN,      /* a subsection for each group, in the macros of man(7) */
} pf_flags_help;

typedef enum pf_flag_source {
    PF_FLAG_BY_DEFAULT,
    PF_FLAG_BY_ENVIRONMENT,
    PF_FLAG_BY_COMMAND_LINE,
} pf_flag_source;

typedef struct pf_flags {
    const char *program;
    const char *env_prefix; /* NULL: the environment is not looked at */
    const pf_flag *list;
    size_t n;
    void *values;                        /* the struct that the rows' offsets are of */
    pf_flag_source source[PF_FLAGS_MAX]; /* out: where each row's value comes from */
    pf_flags_help help;                  /* out: -h, -help or --help was there */
    char **rest;                         /* out: the words behind the flags */
    int nrest;
} pf_flags;

/* Writes the defaults of the rows that have an `initial`. */
void pf_flags_defaults(pf_flags *f);

/* PF_INVALID names the flag or the variable, its value, and what the value may be. -help ends the
 * reading: what follows and the environment may be wrong without a complaint. */
pf_code pf_flags_parse(pf_flags *f, int argc, char **argv, pf_error *err);

/* Prints the groups in their order with each flag's default, which is what `values` holds: call
 * before parsing changes it. (flags_print.c) */
void pf_flags_print(const pf_flags *f, pf_flags_help form, FILE *out);

/* Text for a man page: what its macros would take for theirs is escaped. */
void pf_flags_print_man_text(const char *text, FILE *out);

/* True when the command line or the environment gave it. */
bool pf_flags_is_set(const pf_flags *f, const char *name);

/* The name of a flag's environment variable. */
void pf_flags_env_name(const pf_flags *f, const pf_flag *flag, char out[static PF_FLAG_ENV_MAX]);

/* A flag as its user gave it, for messages: "flag -addr" or "environment variable X_ADDR". */
void pf_flags_given_as(const pf_flags *f, const char *name, char out[static PF_FLAG_GIVEN_MAX]);

/* A number as a user would write it for a flag of that kind: "64MiB", "1h", "100". */
void pf_flag_number_text(pf_flag_kind kind, int64_t n, char out[static PF_FLAG_TEXT_MAX]);

/* A flag's value as a user would write it; "" for none. A list shows its first item. */
void pf_flags_value_text(const pf_flags *f, const pf_flag *flag, char *out, size_t cap);

/* The readings on their own; false when the text is not one, or leaves int64. */
bool pf_duration_parse(pf_str s, int64_t *ns);
bool pf_size_parse(pf_str s, int64_t *bytes);

#endif
