#include "support/access_world.h"

#include "server/access/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t wall(void *ctx)
{
    return ((access_world *)ctx)->time;
}

const char *access_hash_of(const char *secret)
{
    static char hex[4][PF_SECRET_HEX + 1];
    static int next;
    char *out = hex[next++ % 4];
    assert_int_equal(pf_secret_hash(pf_str_c(secret), out, NULL), PF_OK);
    return out;
}

void access_write_file(const char *path, const char *text)
{
    char fresh[128];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(fresh, 0600), 0);
    assert_int_equal(rename(fresh, path), 0);
}

const char *access_usual(void)
{
    static char text[2048];
    snprintf(text, sizeof text,
             "tokens:\n"
             "  - {name: ci, hash: %s, rights: [push], services: [shop]}\n"
             "  - {name: root, hash: %s, rights: [admin]}\n"
             "  - {name: old, hash: %s, rights: [query], expires: 2027-01-01}\n"
             "  - {name: agent, subject: 'CN=agent,O=shop', rights: [push]}\n"
             "proxy_login:\n"
             "  user_header: X-Forwarded-User\n"
             "  rights: [query]\n",
             access_hash_of(CI), access_hash_of(ROOT), access_hash_of(OLD));
    return text;
}

access_world *access_start(const char *text)
{
    pf_error err;
    access_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->time = NOW;
    w->clock = (pf_clock){.wall = wall, .ctx = w};
    snprintf(w->dir, sizeof w->dir, "/tmp/access-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/auth.yaml", w->dir);
    access_write_file(w->path, text);
    if (pf_auth_new(w->path, &w->clock, &w->auth, &err))
        fail_msg("%s", err.msg);
    return w;
}

void access_end(access_world *w)
{
    pf_auth_free(w->auth);
    unlink(w->path);
    rmdir(w->dir);
    free(w);
}

void access_settle(access_world *w)
{
    pf_auth_look(w->auth, false);
    pf_auth_look(w->auth, false);
}

const char *access_who(access_world *w, pf_credentials c)
{
    static char text[PF_ERROR_MSG_MAX + 16];
    pf_principal p;
    pf_error err;
    bool wrong;
    c.now = c.now ? c.now : w->time;
    pf_code code = pf_auth_identify(w->auth, &c, &p, &wrong, &err);
    if (code) {
        assert_null(p.rules);
        assert_int_equal(p.rights, 0);
        assert_null(strstr(err.msg, "0123456789"));
        snprintf(text, sizeof text, "(%s%s)", err.msg, wrong ? "; wrong" : "");
        if (code != PF_UNAUTHENTICATED)
            fail_msg("%s", text);
        return text;
    }
    assert_false(wrong);
    snprintf(text, sizeof text, "%.*s", PF_FMT(p.name));
    pf_principal_release(&p);
    return text;
}

const char *access_by(access_world *w, const char *authorization)
{
    return access_who(w, (pf_credentials){.authorization = pf_str_c(authorization)});
}

const char *access_by_cookie(access_world *w, const char *cookie)
{
    return access_who(w, (pf_credentials){.cookie = pf_str_c(cookie)});
}

void access_one_token(access_world *w, const char *name, const char *secret)
{
    char text[512];
    snprintf(text, sizeof text, "tokens: [{name: %s, hash: %s, rights: [query]}]\n", name,
             access_hash_of(secret));
    access_write_file(w->path, text);
}

pf_str access_header(void *ctx, const char *name)
{
    return strcmp(name, "X-Forwarded-User") == 0 ? pf_str_c(ctx) : PF_STR("");
}
