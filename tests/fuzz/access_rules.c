/* Auth files: read twice they are the same, every token is found by what it has, errors are texts with a place, and a
 * file that is cut gives nobody more than the whole one, which is in force. The first byte is where it is cut. */
#include "server/access/rules_yaml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_found(const pf_rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        const pf_rule *rule = &rules->tokens[i];
        check(rule->rights && rule->rights <= PF_RIGHTS_ALL && rule->line);
        check(pf_rules_by_name(rules, rule->name) == rule);
        check(rule->has_hash ? pf_rules_by_hash(rules, rule->hash) == rule
                             : pf_rules_by_subject(rules, rule->subject) == rule);
        check(!rule->says_services || rule->scope.n);
    }
    check(rules->n || rules->login);
    check(!rules->login || rules->user_header);
}

static void check_no_more(const pf_rule *cut, const pf_rule *full)
{
    check(full && !(cut->rights & ~full->rights) && cut->expires <= full->expires);
    check(cut->limited || !full->limited);
    for (size_t i = 0; full->limited && i < cut->scope.n; i++)
        check(i < full->scope.n && pf_str_eq(cut->scope.patterns[i], full->scope.patterns[i]));
}

static void check_cut(const pf_rules *full, pf_str text)
{
    pf_rules *rules;
    pf_error err;
    if (pf_rules_parse(text, "f", full, &rules, &err))
        return;
    check_found(rules);
    for (size_t i = 0; i < rules->n; i++)
        check_no_more(&rules->tokens[i], pf_rules_by_name(full, rules->tokens[i].name));
    if (rules->login)
        check_no_more(rules->login, full->login);
    pf_rules_release(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_rules *rules, *again;
    pf_error err = {0};
    if (!size)
        return 0;
    char *own = malloc(size); /* its end is seen by the sanitizer */
    check(own);
    memcpy(own, data + 1, size - 1);
    pf_str text = {own, size - 1};
    if (pf_rules_parse(text, "f", NULL, &rules, &err)) {
        check(strncmp(err.msg, "f:", 2) == 0);
    } else {
        check_found(rules);
        check(pf_rules_parse(text, "f", rules, &again, &err) == PF_OK);
        pf_rules_release(again);
        /* at the end of a line, where a cut is hardest to see */
        pf_str rest = text, line;
        for (unsigned n = 0; n <= data[0] && rest.n; n++)
            pf_str_cut(rest, '\n', &line, &rest);
        check_cut(rules, (pf_str){text.p, text.n - rest.n});
        check_cut(rules, (pf_str){text.p, text.n * data[0] / 256});
        pf_rules_release(rules);
    }
    free(own);
    return 0;
}
