/* Lists of networks, and whom proxies forward for: a line of trusted ones, then lines of the headers, Forwarded where it
 * begins with 'F'. Addresses are written as they are read, lines are one list however it is cut, and nothing is read past
 * its end. */
#include "server/http/networks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_address(const pf_address *a)
{
    char text[INET6_ADDRSTRLEN];
    pf_address again;
    pf_address_format(a, text);
    check(pf_address_parse(pf_str_c(text), false, &again));
    check(memcmp(a, &again, sizeof again) == 0);
}

static void check_lines(const pf_networks *trusted, pf_str rest)
{
    pf_forwarded kinds[2] = {0};
    pf_address a;
    while (rest.n) {
        pf_str line;
        pf_str_cut(rest, '\n', &line, &rest);
        bool rfc7239 = line.n && line.p[0] == 'F';
        if (rfc7239)
            line = (pf_str){line.p + 1, line.n - 1};
        pf_networks_follow(trusted, line, rfc7239, &kinds[rfc7239]);
        check(kinds[rfc7239].seen);
    }
    if (pf_forwarded_client(&kinds[1], &kinds[0], &a))
        check_address(&a);
}

/* Cut at each comma, the list of X-Forwarded-For names the same. */
static void check_cuts(const pf_networks *trusted, pf_str list)
{
    pf_forwarded whole = {0}, pieces = {0};
    pf_str rest = list, one;
    pf_networks_follow(trusted, list, false, &whole);
    do {
        pf_str_cut(rest, ',', &one, &rest);
        pf_networks_follow(trusted, one, false, &pieces);
    } while (rest.n);
    check(whole.named == pieces.named);
    check(!whole.named || memcmp(&whole.client, &pieces.client, sizeof whole.client) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_networks trusted;
    pf_address a;
    pf_error err;
    pf_str list, lines;
    char *own = malloc(size + 1);
    check(own);
    memcpy(own, data, size);
    own[size] = 0;
    pf_str_cut((pf_str){own, size}, '\n', &list, &lines);
    char *text = strndup(list.n ? list.p : "", list.n);
    check(text);
    if (!pf_networks_parse(&trusted, text, &err)) {
        check(trusted.n <= PF_NETWORKS_MAX);
        for (size_t i = 0; i < trusted.n; i++)
            check(trusted.list[i].bits <= 128 &&
                  pf_networks_have(&trusted, &trusted.list[i].address));
        check_lines(&trusted, lines);
        check_cuts(&trusted, lines);
    }
    if (pf_address_parse(lines, true, &a))
        check_address(&a);
    free(text);
    free(own);
    return 0;
}
