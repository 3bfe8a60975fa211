/* access_world.h: an auth file in a directory of its own, its reader, and a clock that the test moves.
 *
 *     access_world *w = access_start(access_usual());
 *     assert_string_equal(access_by(w, "Bearer " CI), "ci");
 *     access_end(w);
 */
#ifndef PF_TESTS_ACCESS_WORLD_H
#define PF_TESTS_ACCESS_WORLD_H

#include "server/access/auth.h"

#define CI "pf_ci_0123456789abcdef"
#define ROOT "pf_root_0123456789abcdef"
#define OLD "pf_old_0123456789abcdef"

#define NOW (INT64_C(1800000000) * PF_NS_PER_SEC) /* 2027-01-15 */

/* A file and what reads it. */
typedef struct access_world {
    char dir[64], path[96];
    pf_auth *auth;
    int64_t time;
    pf_clock clock;
} access_world;

/* The file of most tests: tokens ci (push, shop), root (admin), old (expired), agent (by certificate), and a proxy_login. */
const char *access_usual(void);
const char *access_hash_of(const char *secret); /* one of four buffers */

/* Fails the test when the file is bad. */
access_world *access_start(const char *text);
void access_end(access_world *w);

/* Renamed over the old one, readable by its owner alone. */
void access_write_file(const char *path, const char *text);
void access_one_token(access_world *w, const char *name, const char *secret);

/* Two looks, after which a changed file is taken. */
void access_settle(access_world *w);

/* The principal's name, or in brackets the error and whether it counts as wrong; valid until the next call. Fails the
 * test when the error quotes a secret. */
const char *access_who(access_world *w, pf_credentials c);
const char *access_by(access_world *w, const char *authorization);
const char *access_by_cookie(access_world *w, const char *cookie);

/* For pf_credentials.header: X-Forwarded-User is `ctx`. */
pf_str access_header(void *ctx, const char *name);

#endif
