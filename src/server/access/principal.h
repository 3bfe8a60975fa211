/* principal.h: who a request is made by, and what they may do.
 *
 *     pf_principal who;
 *     if (pf_auth_identify(auth, &credentials, &who, &wrong, &err)) ...        auth.h
 *     if (!pf_principal_may(&who, PF_RIGHT_QUERY)) ...
 *     pf_principal_release(&who);
 *
 * A principal borrows its texts, its scope and its flag from the rules that it holds a reference to; they stay valid
 * until pf_principal_release, whatever becomes of the file meanwhile. The name of a proxy's user is borrowed from the
 * request. A principal belongs to one request; any thread may read it, and release it once.
 */
#ifndef PF_SERVER_ACCESS_PRINCIPAL_H
#define PF_SERVER_ACCESS_PRINCIPAL_H

#include "profile/scope.h"

#include <stdatomic.h>

typedef enum pf_right {
    PF_RIGHT_PUSH = 1,
    PF_RIGHT_QUERY = 2,
    PF_RIGHT_WRITE = 4, /* debug files, kept snapshots, events */
    PF_RIGHT_DELETE = 8,
    PF_RIGHT_ADMIN = 16, /* metrics, store, debug; who has it has all of the others */
} pf_right;

enum { PF_RIGHTS = 5, PF_RIGHTS_ALL = 31 };

typedef struct pf_rule pf_rule;
typedef struct pf_rules pf_rules;

typedef struct pf_principal {
    pf_str name;     /* the token's, or the user's whom a proxy logged in; "" without a file */
    unsigned rights; /* bits of pf_right; those that admin brings are set */
    const pf_scope *scope;      /* which services; NULL: all */
    const atomic_bool *revoked; /* becomes true when the token ends or changes; NULL: never */
    const pf_rule *rule;        /* the token's; NULL of a proxy's user and without a file */
    pf_rules *rules;            /* that all of this is borrowed from; NULL without a file */
} pf_principal;

/* Somebody who may do all: everybody is, where there is no file. */
#define PF_PRINCIPAL_ANYBODY ((pf_principal){.rights = PF_RIGHTS_ALL})

bool pf_principal_may(const pf_principal *who, pf_right right);

/* Afterwards nothing of it may be read. */
void pf_principal_release(pf_principal *who);

const char *pf_right_name(pf_right right); /* "push" */

/* False when no right is called so. */
bool pf_right_parse(pf_str name, pf_right *out);

#endif
