#include "base/regex.h"

#include "base/clock.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* A step is some ten nanoseconds: a match that gives up has taken a few milliseconds. */
enum { STEPS_MAX = 200000, DEPTH_MAX = 20000, HEAP_MAX_KB = 8192, PARENS_MAX = 100 };
#define TIME_MAX (2 * PF_NS_PER_SEC) /* of all matches together */

struct pf_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int64_t spent; /* ns */
};

static void *arena_take(PCRE2_SIZE n, void *arena)
{
    return pf_arena_alloc(arena, n);
}

static void arena_keep(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

static pf_code compile(pf_regex *re, pf_str pattern, pf_regex_kind kind,
                       pcre2_general_context *memory, pf_error *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;
    if (kind == PF_REGEX_WHOLE)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    if (!context)
        return pf_fail_nomem(err, "a pattern");
    pcre2_set_parens_nest_limit(context, PARENS_MAX);
    int number = 0;
    PCRE2_SIZE at = 0;
    re->code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options, &number,
                             &at, context);
    pcre2_compile_context_free(context);
    if (re->code)
        return PF_OK;
    PCRE2_UCHAR why[128];
    if (pcre2_get_error_message(number, why, sizeof why) < 0)
        return pf_fail(err, PF_INVALID, "the pattern can't be read at %zu", (size_t)at);
    return pf_fail(err, PF_INVALID, "%s at %zu", (const char *)why, (size_t)at);
}

static pf_code prepare(pf_regex *re, pf_str pattern, pf_regex_kind kind,
                       pcre2_general_context *memory, pf_error *err)
{
    if (pattern.n > PF_REGEX_PATTERN_MAX)
        return pf_fail(err, PF_INVALID, "a pattern of %zu bytes is over the limit of %d", pattern.n,
                       PF_REGEX_PATTERN_MAX);
    if (!pf_str_is_utf8(pattern))
        return pf_fail(err, PF_INVALID, "the pattern is not valid UTF-8");
    pf_code code = compile(re, pattern, kind, memory, err);
    if (code)
        return code;
    re->data = pcre2_match_data_create_from_pattern(re->code, memory);
    re->context = pcre2_match_context_create(memory);
    if (!re->data || !re->context)
        return pf_fail_nomem(err, "a pattern");
    pcre2_set_match_limit(re->context, STEPS_MAX);
    pcre2_set_depth_limit(re->context, DEPTH_MAX);
    pcre2_set_heap_limit(re->context, HEAP_MAX_KB);
    return PF_OK;
}

pf_code pf_regex_new(pf_str pattern, pf_regex_kind kind, pf_regex **out, pf_error *err)
{
    *out = NULL;
    pf_regex *re = calloc(1, sizeof *re);
    if (!re)
        return pf_fail_nomem(err, "a pattern");
    pf_code code = prepare(re, pattern, kind, NULL, err);
    if (code) {
        pf_regex_free(re);
        return code;
    }
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* where there is none it is interpreted */
    *out = re;
    return PF_OK;
}

pf_code pf_regex_new_in(pf_arena *a, pf_str pattern, pf_regex_kind kind, pf_regex **out,
                        pf_error *err)
{
    *out = NULL;
    pf_regex *re = pf_arena_zalloc(a, sizeof *re);
    pcre2_general_context *memory =
        re ? pcre2_general_context_create(arena_take, arena_keep, a) : NULL;
    if (!memory)
        return pf_arena_fail(a, err, "a pattern");
    pf_code code = prepare(re, pattern, kind, memory, err);
    *out = code ? NULL : re;
    return code;
}

pf_code pf_regex_match(pf_regex *re, pf_str text, bool *yes, pf_error *err)
{
    int64_t start = pf_clock_mono();
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.n ? text.p : "");
    int rc = pcre2_match(re->code, subject, text.n, 0, 0, re->data, re->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* compiled code has a small stack of its own */
        rc = pcre2_match(re->code, subject, text.n, 0, PCRE2_NO_JIT, re->data, re->context);
    re->spent += pf_clock_mono() - start;
    *yes = rc >= 0;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return pf_fail_nomem(err, "a pattern");
    if ((rc < 0 && rc != PCRE2_ERROR_NOMATCH) || re->spent > TIME_MAX)
        return pf_fail(err, PF_INVALID, "the pattern takes too long to match");
    return PF_OK;
}

void pf_regex_free(pf_regex *re)
{
    if (!re)
        return;
    pcre2_match_context_free(re->context);
    pcre2_match_data_free(re->data);
    pcre2_code_free(re->code);
    free(re);
}
