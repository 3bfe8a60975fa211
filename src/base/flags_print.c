/* flags_print.c: a table of flags as -help shows it, as Markdown, and as a part of a man page. */
#include "base/flags.h"

#include <string.h>

enum { DEFAULT_MAX = 256 };

/* The default, or "" where it says nothing: no text, a boolean that is off. */
static void default_text(const pf_flags *f, const pf_flag *flag, char out[static DEFAULT_MAX])
{
    pf_flags_value_text(f, flag, out, DEFAULT_MAX);
    if (flag->kind == PF_FLAG_BOOL && strcmp(out, "false") == 0)
        *out = '\0';
}

static void print_text(const pf_flags *f, const pf_flag *flag, FILE *out)
{
    char initial[DEFAULT_MAX];
    int width =
        fprintf(out, "  -%s%s%s", flag->name, flag->arg ? " " : "", flag->arg ? flag->arg : "");
    fprintf(out, "%*s%s", width < 32 ? 32 - width : 1, "", flag->help);
    default_text(f, flag, initial);
    if (*initial)
        fprintf(out, " (default %s)", initial);
    fputc('\n', out);
}

/* "1 to 64", or "" for a flag without a range. */
static void range_text(const pf_flag *flag, char *out, size_t cap)
{
    char low[PF_FLAG_TEXT_MAX], high[PF_FLAG_TEXT_MAX];
    *out = 0;
    if (!flag->most)
        return;
    pf_flag_number_text(flag->kind, flag->least, low);
    pf_flag_number_text(flag->kind, flag->most, high);
    snprintf(out, cap, "%s to %s", low, high);
}

/* A cell of a table: '|' would end it, '<' begin a tag, '*' emphasis. */
static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("|<*", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_markdown(const pf_flags *f, const pf_flag *flag, FILE *out)
{
    char initial[DEFAULT_MAX], range[2 * PF_FLAG_TEXT_MAX + 4], variable[PF_FLAG_ENV_MAX];
    default_text(f, flag, initial);
    range_text(flag, range, sizeof range);
    pf_flags_env_name(f, flag, variable);
    const char *tick = *initial ? "`" : "";
    fprintf(out, "| `-%s%s%s` | ", flag->name, flag->arg ? " " : "", flag->arg ? flag->arg : "");
    print_cell(flag->help, out);
    fprintf(out, " | %s%s%s%s| %s%s| `%s` |\n", tick, initial, tick, *initial ? " " : "", range,
            *range ? " " : "", variable);
}

void pf_flags_print_man_text(const char *text, FILE *out)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        line_start = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* `before`, then the text escaped, then `behind`; nothing for an empty text. */
static void print_man_part(const char *before, const char *text, const char *behind, FILE *out)
{
    if (!text || !*text)
        return;
    fputs(before, out);
    pf_flags_print_man_text(text, out);
    fputs(behind, out);
}

static void print_man(const pf_flags *f, const pf_flag *flag, FILE *out)
{
    char initial[DEFAULT_MAX], range[2 * PF_FLAG_TEXT_MAX + 4], variable[PF_FLAG_ENV_MAX];
    default_text(f, flag, initial);
    range_text(flag, range, sizeof range);
    pf_flags_env_name(f, flag, variable);
    print_man_part(".TP\n\\fB\\-", flag->name, "\\fR", out);
    print_man_part(" \\fI", flag->arg, "\\fR", out);
    print_man_part("\n", flag->help, ".\n", out);
    print_man_part("Default: ", initial, ".\n", out);
    print_man_part("From ", range, ".\n", out);
    print_man_part("Environment: \\fB\\%", variable, "\\fR.\n", out);
}

static void print_group(const char *group, pf_flags_help form, FILE *out)
{
    if (form == PF_FLAGS_HELP_MARKDOWN)
        fprintf(out,
                "\n### %s\n\n| flag | what it is | default | range | environment variable |\n"
                "|---|---|---|---|---|\n",
                group);
    else if (form == PF_FLAGS_HELP_MAN)
        print_man_part(".SS ", group, "\n", out);
    else
        fprintf(out, "\n%s\n", group);
}

void pf_flags_print(const pf_flags *f, pf_flags_help form, FILE *out)
{
    const char *group = "";
    for (size_t i = 0; i < f->n; i++) {
        const pf_flag *flag = &f->list[i];
        if (!flag->group)
            continue;
        if (strcmp(group, flag->group) != 0)
            print_group(group = flag->group, form, out);
        if (form == PF_FLAGS_HELP_MARKDOWN)
            print_markdown(f, flag, out);
        else if (form == PF_FLAGS_HELP_MAN)
            print_man(f, flag, out);
        else
            print_text(f, flag, out);
    }
}
