/* log.h: the structured log, one line an event, on standard error.
 *
 *     PF_LOG_INFO("server is running", PF_S("addr", addr), PF_I("workers", n));
 *
 *     logfmt   ts=2026-11-22T10:00:00.123Z level=info msg="server is running" addr=:10100 workers=4
 *     json     {"ts":"…","level":"info","msg":"server is running","addr":":10100","workers":4}
 *     console  10:00:00.123 INFO  server is running  addr=:10100 workers=4
 *
 * Values may hold any bytes: control characters and quotes are escaped, invalid UTF-8 becomes
 * U+FFFD, a value is cut after 1 KiB. A line is written by one write(2), so lines of threads do not
 * mix. Level and format are set once, before threads start. Thread-safe.
 */
#ifndef PF_BASE_LOG_H
#define PF_BASE_LOG_H

#include "base/buf.h"

typedef enum pf_log_level {
    PF_LOG_LEVEL_DEBUG,
    PF_LOG_LEVEL_INFO,
    PF_LOG_LEVEL_WARN,
    PF_LOG_LEVEL_ERROR
} pf_log_level;
typedef enum pf_log_format {
    PF_LOG_FORMAT_LOGFMT,
    PF_LOG_FORMAT_JSON,
    PF_LOG_FORMAT_CONSOLE
} pf_log_format;

typedef struct pf_log_field {
    const char *key; /* a literal: letters, digits, '_' */
    enum { PF_LOG_STR, PF_LOG_INT, PF_LOG_DURATION } kind;
    pf_str str;
    int64_t num; /* PF_LOG_DURATION: nanoseconds */
} pf_log_field;

#define PF_S(k, cstr) ((pf_log_field){(k), PF_LOG_STR, pf_str_c(cstr), 0})
#define PF_V(k, slice) ((pf_log_field){(k), PF_LOG_STR, (slice), 0})
#define PF_I(k, number) ((pf_log_field){(k), PF_LOG_INT, {NULL, 0}, (int64_t)(number)})
#define PF_D(k, nanos) ((pf_log_field){(k), PF_LOG_DURATION, {NULL, 0}, (nanos)})

void pf_log_setup(pf_log_level level, pf_log_format format);
bool pf_log_level_parse(pf_str s, pf_log_level *out);   /* debug, info, warn, error */
bool pf_log_format_parse(pf_str s, pf_log_format *out); /* logfmt, json, console */
bool pf_log_enabled(pf_log_level level);

/* Appends the line to `out` instead, with its newline: for whoever must not wait for the log's reader. */
void pf_log_format_line(pf_buf *out, pf_log_level level, const char *msg,
                        const pf_log_field *fields, size_t n);
void pf_log_write(pf_log_level level, const char *msg, const pf_log_field *fields, size_t n);

#define PF_LOG_AT(level, msg, ...)                                                                 \
    do {                                                                                           \
        if (pf_log_enabled(level)) {                                                               \
            const pf_log_field pf_fields_[] = {{0}, ##__VA_ARGS__};                                \
            pf_log_write(level, msg, pf_fields_ + 1, sizeof pf_fields_ / sizeof *pf_fields_ - 1);  \
        }                                                                                          \
    } while (0)
#define PF_LOG_DEBUG(msg, ...) PF_LOG_AT(PF_LOG_LEVEL_DEBUG, msg, ##__VA_ARGS__)
#define PF_LOG_INFO(msg, ...) PF_LOG_AT(PF_LOG_LEVEL_INFO, msg, ##__VA_ARGS__)
#define PF_LOG_WARN(msg, ...) PF_LOG_AT(PF_LOG_LEVEL_WARN, msg, ##__VA_ARGS__)
#define PF_LOG_ERROR(msg, ...) PF_LOG_AT(PF_LOG_LEVEL_ERROR, msg, ##__VA_ARGS__)

#endif
