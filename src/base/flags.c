#include "base/flags.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct unit {
    const char *name;
    int64_t times;
} unit;

/* Digits with an optional fraction, times one of the units; what is left is returned in *s. */
static bool read_quantity(pf_str *s, const unit *units, size_t nunits, const char *no_unit,
                          int64_t *out)
{
    int64_t whole = 0;
    size_t i = 0, digits = 0;
    for (; i < s->n && isdigit((unsigned char)s->p[i]); i++, digits++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, s->p[i] - '0', &whole))
            return false;
    double fraction = 0, scale = 0.1;
    if (i < s->n && s->p[i] == '.') {
        for (i++; i < s->n && isdigit((unsigned char)s->p[i]); i++, digits++, scale /= 10)
            fraction += scale * (s->p[i] - '0');
    }
    if (!digits)
        return false;
    size_t from = i;
    while (i < s->n && !isdigit((unsigned char)s->p[i]) && s->p[i] != '.')
        i++;
    pf_str name = {s->p + from, i - from};
    if (!name.n)
        name = pf_str_c(no_unit);
    for (size_t u = 0; u < nunits; u++) {
        if (!pf_str_eq_nocase(name, pf_str_c(units[u].name)))
            continue;
        if (__builtin_mul_overflow(whole, units[u].times, &whole) ||
            __builtin_add_overflow(whole, (int64_t)(fraction * (double)units[u].times + 0.5), out))
            return false;
        *s = (pf_str){s->p + i, s->n - i};
        return true;
    }
    return false;
}

bool pf_duration_parse(pf_str s, int64_t *ns)
{
    static const unit units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xc2\xb5s", 1000},
        {"ms", PF_NS_PER_MS},
        {"s", PF_NS_PER_SEC},
        {"m", 60 * PF_NS_PER_SEC},
        {"h", 3600 * PF_NS_PER_SEC},
        {"d", 86400 * PF_NS_PER_SEC},
    };
    if (pf_str_eq(s, PF_STR("0"))) {
        *ns = 0;
        return true;
    }
    int64_t sum = 0, part;
    do {
        if (!read_quantity(&s, units, sizeof units / sizeof *units, "no unit", &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
    } while (s.n);
    *ns = sum;
    return true;
}

bool pf_size_parse(pf_str s, int64_t *bytes)
{
    static const unit units[] = {
        {"B", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", INT64_C(1000000000000)},
        {"KiB", 1 << 10},
        {"MiB", 1 << 20},
        {"GiB", 1 << 30},
        {"TiB", INT64_C(1) << 40},
        {"K", 1 << 10},
        {"M", 1 << 20},
        {"G", 1 << 30},
        {"T", INT64_C(1) << 40},
    };
    return read_quantity(&s, units, sizeof units / sizeof *units, "B", bytes) && !s.n;
}

static bool parse_bool(const char *s, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
            *out = strcmp(s, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool add_item(pf_flag *f, const char *text)
{
    pf_flag_list *list = f->value;
    if (!f->set)
        list->n = 0;
    if (!*text || list->n == PF_FLAG_LIST_MAX)
        return false;
    f->set = true;
    list->item[list->n++] = text;
    return true;
}

static bool add_items(pf_flag *f, const char *commas)
{
    pf_flag_list *list = f->value;
    char *rest = list->text;
    if (strlen(commas) >= sizeof list->text)
        return false;
    strcpy(rest, commas);
    for (char *one; (one = strsep(&rest, ","));)
        if (!add_item(f, one))
            return false;
    return true;
}

static bool assign(pf_flag *f, const char *text)
{
    int64_t n;
    switch (f->kind) {
    case PF_FLAG_STRING:
        *(const char **)f->value = text;
        return true;
    case PF_FLAG_LIST:
        return add_item(f, text);
    case PF_FLAG_BOOL:
        return parse_bool(text, f->value);
    case PF_FLAG_INT:
        if (!pf_str_to_i64(pf_str_c(text), &n) || n < 0)
            return false;
        break;
    case PF_FLAG_DURATION:
        if (!pf_duration_parse(pf_str_c(text), &n))
            return false;
        break;
    case PF_FLAG_SIZE:
        if (!pf_size_parse(pf_str_c(text), &n))
            return false;
        break;
    case PF_FLAG_IGNORED:
        return true;
    default:
        return false;
    }
    *(int64_t *)f->value = n;
    return true;
}

static const char *kind_name(pf_flag_kind k)
{
    switch (k) {
    case PF_FLAG_BOOL:
        return "a boolean";
    case PF_FLAG_INT:
        return "a whole number";
    case PF_FLAG_DURATION:
        return "a duration such as 300ms or 1h30m";
    case PF_FLAG_SIZE:
        return "a size such as 64MiB";
    case PF_FLAG_LIST:
        return "one of at most 16 values";
    default:
        return "a value";
    }
}

const pf_flag *pf_flags_find(const pf_flags *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->list[i].name, name) == 0)
            return &f->list[i];
    return NULL;
}

static pf_flag *find_n(pf_flags *f, pf_str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (pf_str_eq(pf_str_c(f->list[i].name), name))
            return &f->list[i];
    return NULL;
}

static pf_code from_environment(pf_flags *f, pf_error *err)
{
    for (size_t i = 0; f->env_prefix && i < f->n; i++) {
        pf_flag *flag = &f->list[i];
        char name[128];
        snprintf(name, sizeof name, "%s%s", f->env_prefix, flag->name);
        for (char *c = name; *c; c++)
            *c = *c == '.' || *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        const char *text = flag->set ? NULL : getenv(name);
        if (!text || !*text)
            continue;
        if (!(flag->kind == PF_FLAG_LIST ? add_items(flag, text) : assign(flag, text)))
            return pf_fail(err, PF_INVALID, "environment variable %s: \"%s\" is not %s", name, text,
                           kind_name(flag->kind));
        flag->set = true;
    }
    return PF_OK;
}

/* One word that begins with '-', and maybe the next one; *used is how many words it took. */
static pf_code parse_one(pf_flags *f, char **argv, int left, int *used, pf_error *err)
{
    const char *word = argv[0] + (argv[0][1] == '-' ? 2 : 1);
    pf_str name, value;
    bool has_value = pf_str_cut(pf_str_c(word), '=', &name, &value);
    *used = 1;
    if (pf_str_eq(name, PF_STR("h")) || pf_str_eq(name, PF_STR("help"))) {
        f->help = true;
        return PF_OK;
    }
    pf_flag *flag = find_n(f, name);
    if (!flag)
        return pf_fail(err, PF_INVALID, "unknown flag -%.*s (-help lists them)", PF_FMT(name));
    bool alone = flag->kind == PF_FLAG_BOOL || flag->ignored_bool;
    const char *text = has_value ? value.p : alone ? "true" : left > 1 ? argv[1] : NULL;
    if (!text)
        return pf_fail(err, PF_INVALID, "flag -%s needs %s", flag->name, kind_name(flag->kind));
    if (!has_value && !alone)
        *used = 2;
    if (!assign(flag, text))
        return pf_fail(err, PF_INVALID, "flag -%s: \"%s\" is not %s", flag->name, text,
                       kind_name(flag->kind));
    flag->set = true;
    return PF_OK;
}

pf_code pf_flags_parse(pf_flags *f, int argc, char **argv, pf_error *err)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        int used;
        pf_code code = parse_one(f, argv + i, argc - i, &used, err);
        if (code)
            return code;
        i += used;
    }
    f->rest = argv + i;
    f->nrest = argc - i;
    return from_environment(f, err);
}

static void print_scaled(FILE *out, int64_t v, const unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v && v % units[i].times == 0) {
            fprintf(out, "%lld%s", (long long)(v / units[i].times), units[i].name);
            return;
        }
    }
    fprintf(out, "%lld", (long long)v);
}

static void print_default(const pf_flag *f, FILE *out)
{
    static const unit sizes[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}};
    static const unit times[] = {{"h", 3600 * PF_NS_PER_SEC},
                                 {"m", 60 * PF_NS_PER_SEC},
                                 {"s", PF_NS_PER_SEC},
                                 {"ms", PF_NS_PER_MS}};
    const char *s = f->kind == PF_FLAG_STRING ? *(const char **)f->value
                    : f->kind == PF_FLAG_LIST && ((pf_flag_list *)f->value)->n
                        ? ((pf_flag_list *)f->value)->item[0]
                        : NULL;
    bool text = f->kind == PF_FLAG_STRING || f->kind == PF_FLAG_LIST;
    if (f->kind == PF_FLAG_IGNORED || (text && (!s || !*s)) ||
        (f->kind == PF_FLAG_BOOL && !*(bool *)f->value))
        return;
    fputs(" (default ", out);
    switch (f->kind) {
    case PF_FLAG_STRING:
    case PF_FLAG_LIST:
        fputs(s, out);
        break;
    case PF_FLAG_BOOL:
        fputs("true", out);
        break;
    case PF_FLAG_SIZE:
        print_scaled(out, *(int64_t *)f->value, sizes, 3);
        break;
    case PF_FLAG_DURATION:
        print_scaled(out, *(int64_t *)f->value, times, 4);
        break;
    default:
        fprintf(out, "%lld", (long long)*(int64_t *)f->value);
    }
    fputs(")", out);
}

void pf_flags_print(const pf_flags *f, FILE *out)
{
    const char *group = "";
    for (size_t i = 0; i < f->n; i++) {
        const pf_flag *flag = &f->list[i];
        if (!flag->group)
            continue;
        if (strcmp(group, flag->group) != 0)
            fprintf(out, "\n%s\n", group = flag->group);
        int width =
            fprintf(out, "  -%s%s%s", flag->name, flag->arg ? " " : "", flag->arg ? flag->arg : "");
        fprintf(out, "%*s%s", width < 32 ? 32 - width : 1, "", flag->help);
        print_default(flag, out);
        fputc('\n', out);
    }
}
