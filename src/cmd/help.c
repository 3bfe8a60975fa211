/* help.c: -help, -help=markdown and -help=man, from the table of flags in config.c. */
#include "cmd/config.h"

static const char environment[] =
    "A flag that is not given is read from the environment: -local.dir from PROFEFE_LOCAL_DIR.\n"
    "Sizes are written 1048576, 64MiB or 1GB, durations 300ms, 1h30m or 7d.\n"
    "No flag holds a secret: keys and tokens are in files that flags name.\n";

static void print_text(const pf_flags *f, FILE *out)
{
    fputs("profefe, a repository for pprof profiles.\n\n"
          "  profefe [flags]\n\n",
          out);
    fputs(environment, out);
    pf_flags_print(f, PF_FLAGS_HELP_TEXT, out);
}

/* "-a, -b, -c": the flags of the original that do nothing here, or those that do something. */
static void print_original(const pf_flags *f, bool ignored, pf_flags_help form, FILE *out)
{
    bool man = form == PF_FLAGS_HELP_MAN;
    const char *comma = "";
    for (size_t i = 0; i < f->n; i++) {
        const pf_flag *flag = &f->list[i];
        if (!flag->original || ignored != !flag->group)
            continue;
        fprintf(out, "%s%s", comma, man ? "\\fB\\-" : "`-");
        if (man)
            pf_flags_print_man_text(flag->name, out);
        else
            fputs(flag->name, out);
        fputs(man ? "\\fR" : "`", out);
        comma = ",\n";
    }
}

static void print_markdown(const pf_flags *f, FILE *out)
{
    fputs("<!-- what follows is printed by: profefe -help=markdown -->\n", out);
    pf_flags_print(f, PF_FLAGS_HELP_MARKDOWN, out);
    fputs("\nThe original server has these, too:\n", out);
    print_original(f, false, PF_FLAGS_HELP_MARKDOWN, out);
    fputs(".\nThese of its flags are known and do nothing here, with a warning:\n", out);
    print_original(f, true, PF_FLAGS_HELP_MARKDOWN, out);
    fputs(".\n\n<!-- end of what profefe -help=markdown prints -->\n", out);
}

static void print_man(const pf_flags *f, FILE *out)
{
    fputs(
        ".TH PROFEFE 1 \"\" \"profefe " PF_VERSION "\" \"User Commands\"\n"
        ".SH NAME\n"
        "profefe \\- a repository for pprof profiles\n"
        ".SH SYNOPSIS\n"
        ".B profefe\n"
        "[\\fIflags\\fR]\n"
        ".SH DESCRIPTION\n"
        "Programs push their profiles over HTTP. The server keeps them in a directory of its\n"
        "own and answers with lists, merged profiles, flame graphs and comparisons, on a web\n"
        "page and to\n"
        ".BR \"go tool pprof\" .\n"
        ".PP\n"
        "A flag is written \\fB\\-name=value\\fR or \\fB\\-name value\\fR, with one dash or two.\n",
        out);
    pf_flags_print_man_text(environment, out);
    fputs(".SH OPTIONS\n"
          ".TP\n"
          "\\fB\\-help\\fR[=\\fIform\\fR]\n"
          "print the flags and exit: as text, or as markdown or man for these forms.\n",
          out);
    pf_flags_print(f, PF_FLAGS_HELP_MAN, out);
    fputs(".PP\nThese flags of the original server are known and do nothing here:\n", out);
    print_original(f, true, PF_FLAGS_HELP_MAN, out);
    fputs(".\n"
          ".SH SIGNALS\n"
          ".TP\n"
          "SIGTERM, SIGINT\n"
          "The server takes nothing new, finishes what is under way, and exits.\n"
          ".TP\n"
          "SIGHUP\n"
          "The server reads the files of \\fB\\-tls.cert\\fR and its like and of "
          "\\fB\\-auth.file\\fR again.\n"
          ".SH \"EXIT STATUS\"\n"
          ".TP\n"
          "0\n"
          "The server stopped cleanly, or a command such as \\fB\\-version\\fR did its work.\n"
          ".TP\n"
          "1\n"
          "The server could not start, or \\fB\\-local.check\\fR found something wrong.\n"
          ".TP\n"
          "2\n"
          "A flag is wrong.\n",
          out);
}

void pf_config_print_help(pf_flags_help form, FILE *out)
{
    pf_config c;
    pf_flags flags = pf_config_flags(&c);
    if (form == PF_FLAGS_HELP_MARKDOWN)
        print_markdown(&flags, out);
    else if (form == PF_FLAGS_HELP_MAN)
        print_man(&flags, out);
    else
        print_text(&flags, out);
}
