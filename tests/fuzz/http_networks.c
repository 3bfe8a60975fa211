/* Lists of networks, and whom proxies forward for: three lines, the trusted ones and the two headers. Addresses are written as they are read, and a header's value is never read past. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pf_networks trusted;
    pf_address a;
    pf_error err;
    pf_str list, forwarded, x_forwarded_for;
    char *own = malloc(size + 1);
    check(own);
    memcpy(own, data, size);
    pf_str_cut((pf_str){own, size}, '\n', &list, &forwarded);
    pf_str_cut(forwarded, '\n', &forwarded, &x_forwarded_for);
    char *text = strndup(list.n ? list.p : "", list.n);
    check(text);
    if (!pf_networks_parse(&trusted, text, &err)) {
        check(trusted.n <= PF_NETWORKS_MAX);
        for (size_t i = 0; i < trusted.n; i++)
            check(trusted.list[i].bits <= 128 &&
                  pf_networks_have(&trusted, &trusted.list[i].address));
        if (pf_networks_client(&trusted, forwarded, x_forwarded_for, &a))
            check_address(&a);
    }
    if (pf_address_parse(x_forwarded_for, true, &a))
        check_address(&a);
    free(text);
    free(own);
    return 0;
}
