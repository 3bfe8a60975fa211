#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_MAX = 1024 };

static pf_log_level threshold = PF_LOG_LEVEL_INFO;
static pf_log_format line_format = PF_LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"logfmt", "json", "console"};

void pf_log_setup(pf_log_level level, pf_log_format format)
{
    threshold = level;
    line_format = format;
}

static bool name_index(pf_str s, const char *const *names, size_t n, unsigned *out)
{
    for (unsigned i = 0; i < n; i++) {
        if (pf_str_eq(s, pf_str_c(names[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool pf_log_level_parse(pf_str s, pf_log_level *out)
{
    unsigned i;
    if (!name_index(s, level_names, 4, &i))
        return false;
    *out = (pf_log_level)i;
    return true;
}

bool pf_log_format_parse(pf_str s, pf_log_format *out)
{
    unsigned i;
    if (!name_index(s, format_names, 3, &i))
        return false;
    *out = (pf_log_format)i;
    return true;
}

bool pf_log_enabled(pf_log_level level)
{
    return level >= threshold;
}

/* A value of logfmt stands bare when it holds nothing that needs quotes. */
static bool is_bare(pf_str s)
{
    if (!s.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

static void put_value(pf_buf *b, const pf_log_field *f, bool json)
{
    switch (f->kind) {
    case PF_LOG_INT:
        pf_buf_printf(b, "%lld", (long long)f->num);
        break;
    case PF_LOG_DURATION:
        pf_buf_printf(b, json ? "%.6f" : "%.6fs", (double)f->num / 1e9);
        break;
    case PF_LOG_STR: {
        pf_str s = f->str;
        if (s.n > VALUE_MAX)
            s.n = VALUE_MAX;
        if (!json && is_bare(s))
            pf_buf_put_str(b, s);
        else
            pf_buf_put_json(b, s);
    }
    }
}

static void put_timestamp(pf_buf *b, const char *strftime_format, const char *after)
{
    int64_t now = pf_clock_wall(NULL);
    time_t sec = (time_t)(now / PF_NS_PER_SEC);
    struct tm tm;
    gmtime_r(&sec, &tm);
    char text[32];
    strftime(text, sizeof text, strftime_format, &tm);
    pf_buf_printf(b, "%s.%03d%s", text, (int)(now / PF_NS_PER_MS % 1000), after);
}

static void put_head(pf_buf *b, pf_log_level level, const char *msg)
{
    switch (line_format) {
    case PF_LOG_FORMAT_JSON:
        pf_buf_puts(b, "{\"ts\":\"");
        put_timestamp(b, "%Y-%m-%dT%H:%M:%S", "Z\"");
        pf_buf_printf(b, ",\"level\":\"%s\",\"msg\":", level_names[level]);
        pf_buf_put_json(b, pf_str_c(msg));
        break;
    case PF_LOG_FORMAT_CONSOLE:
        put_timestamp(b, "%H:%M:%S", " ");
        pf_buf_printf(b, "%-5s %s ", level_names[level], msg);
        break;
    case PF_LOG_FORMAT_LOGFMT:
        pf_buf_puts(b, "ts=");
        put_timestamp(b, "%Y-%m-%dT%H:%M:%S", "Z");
        pf_buf_printf(b, " level=%s msg=", level_names[level]);
        pf_buf_put_json(b, pf_str_c(msg));
        break;
    }
}

void pf_log_format_line(pf_buf *out, pf_log_level level, const char *msg,
                        const pf_log_field *fields, size_t n)
{
    bool json = line_format == PF_LOG_FORMAT_JSON;
    put_head(out, level, msg);
    for (size_t i = 0; i < n; i++) {
        pf_buf_printf(out, json ? ",\"%s\":" : " %s=", fields[i].key);
        put_value(out, &fields[i], json);
    }
    pf_buf_puts(out, json ? "}\n" : "\n");
}

void pf_log_write(pf_log_level level, const char *msg, const pf_log_field *fields, size_t n)
{
    pf_buf b = {.max = 64 << 10};
    pf_log_format_line(&b, level, msg, fields, n);
    if (!b.failed && b.len && write(STDERR_FILENO, b.data, b.len) < 0) {
        /* Nowhere to say that the log can't be written. */
    }
    pf_buf_free(&b);
}
