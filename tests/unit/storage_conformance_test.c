/* Every store through the conformance suite. */
#include "storage/local/local.h"
#include "support/conformance.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void *make_local(void)
{
    return fx_make_dir();
}

static pf_store *open_local(void *place)
{
    pf_local_config cfg = pf_local_config_default();
    cfg.dir = place;
    cfg.min_free = 0;
    pf_store *s = NULL;
    pf_error err;
    if (pf_local_open(&cfg, &s, &err))
        fail_msg("open: %s", err.msg);
    return s;
}

static void remove_local(void *place)
{
    fx_remove_dir(place);
}

int main(void)
{
    static const conformance_factory local = {"local", make_local, open_local, remove_local};
    return conformance_run(&local);
}
