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

static void *value_of(const pf_flags *f, const pf_flag *flag)
{
    return (char *)f->values + flag->offset;
}

static int64_t number_of(const pf_flags *f, const pf_flag *flag)
{
    const void *at = value_of(f, flag);
    return flag->size == sizeof(unsigned) ? *(const unsigned *)at : *(const int64_t *)at;
}

static bool add_item(pf_flag_list *list, const char *text)
{
    if (!*text || list->n == PF_FLAG_LIST_MAX)
        return false;
    list->item[list->n++] = text;
    return true;
}

static bool add_items(pf_flag_list *list, const char *commas)
{
    char *rest = list->text;
    size_t n = strlen(commas);
    if (n >= sizeof list->text)
        return false;
    memcpy(rest, commas, n + 1);
    for (char *one; (one = strsep(&rest, ","));)
        if (!add_item(list, one))
            return false;
    return true;
}

static bool read_number(pf_flag_kind kind, pf_str text, int64_t *n)
{
    return kind == PF_FLAG_SIZE       ? pf_size_parse(text, n)
           : kind == PF_FLAG_DURATION ? pf_duration_parse(text, n)
                                      : pf_str_to_i64(text, n) && *n >= 0;
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

enum { EXPECTED_MAX = 2 * PF_FLAG_TEXT_MAX + 16 };

/* Fills `expected` with what a wrong text is not: "a whole number", "between 1 and 64". */
static bool assign_number(const pf_flags *f, const pf_flag *flag, const char *text,
                          char expected[static EXPECTED_MAX])
{
    int64_t n, most = flag->size == sizeof(unsigned) ? UINT32_MAX : INT64_MAX;
    if (flag->most)
        most = flag->most;
    if (!read_number(flag->kind, pf_str_c(text), &n)) {
        snprintf(expected, EXPECTED_MAX, "%s", kind_name(flag->kind));
        return false;
    }
    if (n < flag->least || n > most) {
        char low[PF_FLAG_TEXT_MAX], high[PF_FLAG_TEXT_MAX];
        pf_flag_number_text(flag->kind, flag->least, low);
        pf_flag_number_text(flag->kind, most, high);
        snprintf(expected, EXPECTED_MAX, "between %s and %s", low, high);
        return false;
    }
    if (flag->size == sizeof(unsigned))
        *(unsigned *)value_of(f, flag) = (unsigned)n;
    else
        *(int64_t *)value_of(f, flag) = n;
    return true;
}

/* As assign_number, for a flag of any kind. `from` is where the text comes from. */
static bool assign(pf_flags *f, const pf_flag *flag, pf_flag_source from, const char *text,
                   char expected[static EXPECTED_MAX])
{
    pf_flag_source *source = &f->source[flag - f->list];
    void *value = value_of(f, flag);
    bool ok = true;
    snprintf(expected, EXPECTED_MAX, "%s", kind_name(flag->kind));
    switch (flag->kind) {
    case PF_FLAG_STRING:
        *(const char **)value = text;
        break;
    case PF_FLAG_OPTIONAL:
        *(const char **)value = *text ? text : NULL;
        break;
    case PF_FLAG_LIST:
        if (*source != PF_FLAG_BY_COMMAND_LINE)
            ((pf_flag_list *)value)->n = 0;
        ok = from == PF_FLAG_BY_ENVIRONMENT ? add_items(value, text) : add_item(value, text);
        break;
    case PF_FLAG_BOOL:
        ok = parse_bool(text, value);
        break;
    case PF_FLAG_INT:
    case PF_FLAG_DURATION:
    case PF_FLAG_SIZE:
        ok = assign_number(f, flag, text, expected);
        break;
    case PF_FLAG_IGNORED:
    case PF_FLAG_IGNORED_BOOL:
        break;
    }
    if (ok)
        *source = from;
    return ok;
}

void pf_flags_defaults(pf_flags *f)
{
    char expected[EXPECTED_MAX];
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].initial &&
            !assign(f, &f->list[i], PF_FLAG_BY_DEFAULT, f->list[i].initial, expected))
            abort(); /* the table is wrong */
}

static const pf_flag *find(const pf_flags *f, pf_str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (pf_str_eq(pf_str_c(f->list[i].name), name))
            return &f->list[i];
    return NULL;
}

bool pf_flags_is_set(const pf_flags *f, const char *name)
{
    const pf_flag *flag = find(f, pf_str_c(name));
    return flag && f->source[flag - f->list] != PF_FLAG_BY_DEFAULT;
}

void pf_flags_env_name(const pf_flags *f, const pf_flag *flag, char out[static PF_FLAG_ENV_MAX])
{
    snprintf(out, PF_FLAG_ENV_MAX, "%s%s", f->env_prefix ? f->env_prefix : "", flag->name);
    for (char *c = out; *c; c++)
        *c = *c == '.' || *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

void pf_flags_given_as(const pf_flags *f, const char *name, char out[static PF_FLAG_GIVEN_MAX])
{
    const pf_flag *flag = find(f, pf_str_c(name));
    char variable[PF_FLAG_ENV_MAX];
    if (flag && f->source[flag - f->list] == PF_FLAG_BY_ENVIRONMENT) {
        pf_flags_env_name(f, flag, variable);
        snprintf(out, PF_FLAG_GIVEN_MAX, "environment variable %s", variable);
    } else {
        snprintf(out, PF_FLAG_GIVEN_MAX, "flag -%.120s", name);
    }
}

static pf_code from_environment(pf_flags *f, pf_error *err)
{
    char name[PF_FLAG_ENV_MAX], expected[EXPECTED_MAX];
    for (size_t i = 0; f->env_prefix && i < f->n; i++) {
        if (f->source[i] == PF_FLAG_BY_COMMAND_LINE)
            continue;
        pf_flags_env_name(f, &f->list[i], name);
        const char *text = getenv(name);
        if (text && *text && !assign(f, &f->list[i], PF_FLAG_BY_ENVIRONMENT, text, expected))
            return pf_fail_param(err, PF_INVALID, f->list[i].name,
                                 "environment variable %s: \"%s\" is not %s", name, text, expected);
    }
    return PF_OK;
}

static pf_code read_help(pf_flags *f, pf_str form, pf_error *err)
{
    static const struct {
        const char *word;
        pf_flags_help form;
    } forms[] = {{"text", PF_FLAGS_HELP_TEXT},
                 {"true", PF_FLAGS_HELP_TEXT}, /* a boolean, as it is in Go */
                 {"markdown", PF_FLAGS_HELP_MARKDOWN},
                 {"man", PF_FLAGS_HELP_MAN}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (pf_str_eq(form, pf_str_c(forms[i].word))) {
            f->help = forms[i].form;
            return PF_OK;
        }
    }
    return pf_fail_param(err, PF_INVALID, "help",
                         "flag -help: \"%.*s\" is none of text, markdown, man", PF_FMT(form));
}

/* One word that begins with '-', and maybe the next one; *used is how many words it took. */
static pf_code parse_one(pf_flags *f, char **argv, int left, int *used, pf_error *err)
{
    char expected[EXPECTED_MAX];
    const char *word = argv[0] + (argv[0][1] == '-' ? 2 : 1);
    pf_str name, value;
    bool has_value = pf_str_cut(pf_str_c(word), '=', &name, &value);
    *used = 1;
    if (pf_str_eq(name, PF_STR("h")) || pf_str_eq(name, PF_STR("help")))
        return read_help(f, has_value ? value : PF_STR("text"), err);
    const pf_flag *flag = find(f, name);
    if (!flag)
        return pf_fail(err, PF_INVALID, "unknown flag -%.*s (-help lists them)", PF_FMT(name));
    bool alone = flag->kind == PF_FLAG_BOOL || flag->kind == PF_FLAG_IGNORED_BOOL;
    const char *text = has_value ? value.p : alone ? "true" : left > 1 ? argv[1] : NULL;
    if (!text)
        return pf_fail_param(err, PF_INVALID, flag->name, "flag -%s needs %s", flag->name,
                             kind_name(flag->kind));
    if (!has_value && !alone)
        *used = 2;
    if (!assign(f, flag, PF_FLAG_BY_COMMAND_LINE, text, expected))
        return pf_fail_param(err, PF_INVALID, flag->name, "flag -%s: \"%s\" is not %s", flag->name,
                             text, expected);
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
        if (f->help) {
            f->rest = argv + argc;
            f->nrest = 0;
            return PF_OK;
        }
    }
    f->rest = argv + i;
    f->nrest = argc - i;
    return from_environment(f, err);
}

void pf_flag_number_text(pf_flag_kind kind, int64_t n, char out[static PF_FLAG_TEXT_MAX])
{
    static const unit sizes[] = {
        {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}};
    static const unit times[] = {{"h", 3600 * PF_NS_PER_SEC},
                                 {"m", 60 * PF_NS_PER_SEC},
                                 {"s", PF_NS_PER_SEC},
                                 {"ms", PF_NS_PER_MS},
                                 {"ns", 1}};
    const unit *units = kind == PF_FLAG_SIZE ? sizes : times;
    size_t count = kind == PF_FLAG_SIZE       ? sizeof sizes / sizeof *sizes
                   : kind == PF_FLAG_DURATION ? sizeof times / sizeof *times
                                              : 0;
    for (size_t i = 0; n && i < count; i++) {
        if (n % units[i].times == 0) {
            snprintf(out, PF_FLAG_TEXT_MAX, "%lld%s", (long long)(n / units[i].times),
                     units[i].name);
            return;
        }
    }
    snprintf(out, PF_FLAG_TEXT_MAX, "%lld", (long long)n);
}

void pf_flags_value_text(const pf_flags *f, const pf_flag *flag, char *out, size_t cap)
{
    char number[PF_FLAG_TEXT_MAX];
    const void *value = value_of(f, flag);
    const char *text = NULL;
    switch (flag->kind) {
    case PF_FLAG_STRING:
    case PF_FLAG_OPTIONAL:
        text = *(const char *const *)value;
        break;
    case PF_FLAG_LIST:
        text = ((const pf_flag_list *)value)->n ? ((const pf_flag_list *)value)->item[0] : NULL;
        break;
    case PF_FLAG_BOOL:
        text = *(const bool *)value ? "true" : "false";
        break;
    case PF_FLAG_INT:
    case PF_FLAG_DURATION:
    case PF_FLAG_SIZE:
        pf_flag_number_text(flag->kind, number_of(f, flag), number);
        text = number;
        break;
    case PF_FLAG_IGNORED:
    case PF_FLAG_IGNORED_BOOL:
        break;
    }
    snprintf(out, cap, "%s", text ? text : "");
}
