#include "view/units.h"

typedef struct scale {
    const char *name;
    double factor;
} scale;

static const scale times[] = {{"ns", 1},      {"us", 1e3},     {"ms", 1e6},      {"s", 1e9},
                              {"mins", 60e9}, {"hrs", 3600e9}, {"days", 86400e9}};
static const scale sizes[] = {
    {"B", 1}, {"kB", 1024}, {"MB", 1048576.0}, {"GB", 1073741824.0}, {"TB", 1099511627776.0}};

static double time_factor(pf_str unit)
{
    if (pf_str_eq(unit, PF_STR("nanoseconds")) || pf_str_eq(unit, PF_STR("ns")))
        return 1;
    if (pf_str_eq(unit, PF_STR("microseconds")) || pf_str_eq(unit, PF_STR("us")))
        return 1e3;
    if (pf_str_eq(unit, PF_STR("milliseconds")) || pf_str_eq(unit, PF_STR("ms")))
        return 1e6;
    return pf_str_eq(unit, PF_STR("seconds")) || pf_str_eq(unit, PF_STR("s")) ? 1e9 : 0;
}

static void put_scaled(pf_buf *out, double v, const scale *list, size_t n)
{
    double size = v < 0 ? -v : v;
    size_t i = 0;
    while (i + 1 < n && size >= list[i + 1].factor)
        i++;
    pf_buf_printf(out, "%.*f%s", i ? 2 : 0, v / list[i].factor, list[i].name);
}

void pf_units_put(pf_buf *out, int64_t value, pf_str unit)
{
    double factor = time_factor(unit);
    if (factor > 0)
        put_scaled(out, (double)value * factor, times, sizeof times / sizeof *times);
    else if (pf_str_eq(unit, PF_STR("bytes")) || pf_str_eq(unit, PF_STR("B")))
        put_scaled(out, (double)value, sizes, sizeof sizes / sizeof *sizes);
    else if (!unit.n || pf_str_eq(unit, PF_STR("count")))
        pf_buf_printf(out, "%lld", (long long)value);
    else
        pf_buf_printf(out, "%lld ", (long long)value), pf_buf_put_str(out, unit);
}

void pf_units_put_percent(pf_buf *out, int64_t part, int64_t whole)
{
    if (whole)
        pf_buf_printf(out, "%.3g%%", (double)part * 100 / (double)whole);
}

void pf_units_put_xml(pf_buf *out, pf_str text, size_t chars)
{
    size_t n = 0, written = 0;
    for (size_t at = 0; at < text.n; at += n, written++) {
        if (chars && written == chars) {
            pf_buf_puts(out, "..");
            return;
        }
        uint32_t c = pf_str_code_point(text, at, &n);
        if (c == '<')
            pf_buf_puts(out, "&lt;");
        else if (c == '>')
            pf_buf_puts(out, "&gt;");
        else if (c == '&')
            pf_buf_puts(out, "&amp;");
        else if (c == '"')
            pf_buf_puts(out, "&quot;");
        else if (c < 0x20 || c == 0xfffd || c == 0xfffe || c == 0xffff)
            pf_buf_puts(out, "\xef\xbf\xbd");
        else
            pf_buf_put(out, text.p + at, n);
    }
}
