#include "profile/time.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

/* Exactly `digits` digits at s->p, taken off. */
static bool take_number(pf_str *s, size_t digits, unsigned *out)
{
    if (s->n < digits)
        return false;
    unsigned v = 0;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s->p[i] - '0');
    }
    *s = (pf_str){s->p + digits, s->n - digits};
    *out = v;
    return true;
}

static bool take_char(pf_str *s, const char *any_of)
{
    if (!s->n || !s->p[0] || !strchr(any_of, s->p[0]))
        return false;
    *s = (pf_str){s->p + 1, s->n - 1};
    return true;
}

/* ".123" as nanoseconds; digits beyond the ninth are dropped. */
static bool take_fraction(pf_str *s, int64_t *ns)
{
    size_t digits = 0;
    *ns = 0;
    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--, digits++)
        if (digits < 9)
            *ns = *ns * 10 + (s->p[0] - '0');
    for (size_t i = digits; i < 9; i++)
        *ns *= 10;
    return digits > 0;
}

static void set_instant(pf_instant *out, int64_t seconds, int64_t ns)
{
    int64_t v;
    out->clamped =
        __builtin_mul_overflow(seconds, PF_NS_PER_SEC, &v) || __builtin_add_overflow(v, ns, &v);
    out->ns = out->clamped ? (seconds < 0 ? INT64_MIN : INT64_MAX) : v;
}

static bool parse_unix(pf_str s, pf_instant *out)
{
    pf_str whole, frac;
    out->has_fraction = pf_str_cut(s, '.', &whole, &frac);
    int64_t seconds, ns = 0;
    if (!pf_str_to_i64(whole, &seconds))
        return false;
    if (out->has_fraction && (!take_fraction(&frac, &ns) || frac.n))
        return false;
    if (whole.p[0] == '-')
        ns = -ns;
    set_instant(out, seconds, ns);
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* "Z", "+02:00", "-0700", or nothing for UTC; seconds east of UTC. */
static bool take_zone(pf_str *s, int64_t *offset)
{
    *offset = 0;
    if (!s->n || take_char(s, "Zz"))
        return true;
    bool west = s->p[0] == '-';
    unsigned h, m;
    if (!take_char(s, "+- ") || !take_number(s, 2, &h))
        return false;
    take_char(s, ":");
    if (!take_number(s, 2, &m) || h > 23 || m > 59)
        return false;
    *offset = (int64_t)(h * 3600 + m * 60) * (west ? -1 : 1);
    return true;
}

static bool parse_date_time(pf_str s, pf_instant *out, const char **why)
{
    unsigned year, month, day, hour, min, sec;
    *why = "not in the form 2006-01-02T15:04:05";
    if (!take_number(&s, 4, &year) || !take_char(&s, "-") || !take_number(&s, 2, &month) ||
        !take_char(&s, "-") || !take_number(&s, 2, &day) || !take_char(&s, "Tt") ||
        !take_number(&s, 2, &hour) || !take_char(&s, ":") || !take_number(&s, 2, &min) ||
        !take_char(&s, ":") || !take_number(&s, 2, &sec))
        return false;
    int64_t ns = 0, offset;
    out->has_fraction = take_char(&s, ".,");
    if (out->has_fraction && !take_fraction(&s, &ns))
        return false;
    if (!take_zone(&s, &offset) || s.n) {
        *why = "the time zone can't be read";
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        min > 59 || sec > 59) {
        *why = "no such date or time";
        return false;
    }
    int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + min * 60 + sec;
    set_instant(out, seconds - offset, ns);
    return true;
}

bool pf_time_parse(pf_str s, pf_instant *out, const char **why)
{
    *out = (pf_instant){0};
    *why = "empty";
    if (!s.n)
        return false;
    return parse_unix(s, out) || parse_date_time(s, out, why);
}

/* "1h30m": at least one number with a unit. */
static bool parse_span(pf_str s, int64_t *seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    *seconds = 0;
    for (bool first = true; s.n || first; first = false) {
        size_t digits = 0, unit = 0;
        int64_t n;
        while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
            digits++;
        if (digits == s.n || !pf_str_to_i64((pf_str){s.p, digits}, &n))
            return false;
        while (unit < sizeof units / sizeof *units && units[unit].letter != s.p[digits])
            unit++;
        if (unit == sizeof units / sizeof *units ||
            __builtin_mul_overflow(n, units[unit].seconds, &n) ||
            __builtin_add_overflow(*seconds, n, seconds))
            return false;
        s = (pf_str){s.p + digits + 1, s.n - digits - 1};
    }
    return true;
}

bool pf_time_parse_at(pf_str s, int64_t now, pf_instant *out, const char **why)
{
    pf_str word = PF_STR("now");
    if (!pf_str_has_prefix(s, word))
        return pf_time_parse(s, out, why);
    *out = (pf_instant){.ns = now, .has_fraction = true};
    pf_str rest = {s.p + word.n, s.n - word.n};
    if (!rest.n)
        return true;
    bool back = rest.p[0] == '-';
    int64_t span;
    *why = "not in the form now-1h30m";
    if (!take_char(&rest, "-+ ") || !parse_span(rest, &span))
        return false;
    out->clamped = __builtin_mul_overflow(span, back ? -PF_NS_PER_SEC : PF_NS_PER_SEC, &span) ||
                   __builtin_add_overflow(now, span, &out->ns);
    if (out->clamped)
        out->ns = back ? INT64_MIN : INT64_MAX;
    return true;
}

size_t pf_time_format(int64_t ns, char out[static PF_TIME_CHARS + 1])
{
    int64_t sec = ns / PF_NS_PER_SEC, frac = ns % PF_NS_PER_SEC;
    if (frac < 0) {
        frac += PF_NS_PER_SEC;
        sec--;
    }
    time_t t = (time_t)sec;
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(out, PF_TIME_CHARS + 1, "%Y-%m-%dT%H:%M:%S", &tm);
    if (frac) {
        n += (size_t)snprintf(out + n, PF_TIME_CHARS + 1 - n, ".%09d", (int)frac);
        while (out[n - 1] == '0')
            n--;
    }
    out[n++] = 'Z';
    out[n] = 0;
    return n;
}
