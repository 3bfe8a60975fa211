/* params.h: the parameters of a request, read and checked (docs/api.md, "Parameters").
 *
 * Texts live in the request's arena. Errors are PF_INVALID `bad request: …` naming parameter and
 * value; err->param is the parameter. `name` is a literal everywhere.
 */
#ifndef PF_SERVER_API_PARAMS_H
#define PF_SERVER_API_PARAMS_H

#include "profile/meta.h"
#include "server/http/http.h"

enum { PF_EXTERNAL_ID_MAX = 128 }; /* bytes */

/* service, type, labels and created_at of a push; created_at is `now` when absent. The type must be
 * known. *external_id makes the push repeatable; empty: it has none. */
pf_code pf_params_push(pf_req *req, int64_t now, pf_meta *out, pf_str *external_id, pf_error *err);

/* service, type, labels, from, to and limit of a query. An unknown type means any. */
pf_code pf_params_query(pf_req *req, pf_query *out, pf_error *err);

/* The same without a limit, for what answers about profiles; where `any_time`, from and to may be left out and
 * then mean all. */
pf_code pf_params_scope(pf_req *req, bool any_time, pf_query *out, pf_error *err);

/* For what can't be undone: a parameter that is none of `names` (31 at most, NULL behind the last), and one that stands there
 * twice, are errors. */
pf_code pf_params_only(pf_req *req, const char *const *names, pf_error *err);

/* What is to be deleted: as pf_params_scope with bounds, but what would widen it unawares is an error: a type that is
 * not known, a limit. */
pf_code pf_params_removal(pf_req *req, pf_query *out, pf_error *err);

/* The other side of a comparison: base_service, base_from, base_to, base_labels, each of which is that of
 * `compared` where it is absent; but one must be there. */
pf_code pf_params_base(pf_req *req, const pf_query *compared, pf_query *out, pf_error *err);

/* A parameter's text; empty when it is absent. */
pf_code pf_params_text(pf_req *req, const char *name, pf_str *out, pf_error *err);

/* A whole number from `least` to `most`; `absent` when it is absent. */
pf_code pf_params_number(pf_req *req, const char *name, int64_t least, int64_t most, int64_t absent,
                         int64_t *out, pf_error *err);

/* true or 1, false or 0; false when it is absent. */
pf_code pf_params_flag(pf_req *req, const char *name, bool *out, pf_error *err);

/* What to say of a value that can't be read: bad request: bad "name" "value": why. */
pf_code pf_params_bad(const char *name, pf_str value, const char *why, pf_error *err);

/* PF_NOT_ALLOWED for the types whose profiles can't be merged: unknown, trace. */
pf_code pf_params_mergeable(pf_type type, pf_error *err);

/* Refuses the filters and options of pprof that are not supported: without them the answer would show another picture
 * than was asked for. Other unknown parameters are ignored. */
pf_code pf_params_check_options(pf_req *req, pf_error *err);

/* The ids of `/api/0/profiles/<id>+<id>…`, at least one. Unescaped; not yet looked at. */
pf_code pf_params_ids(pf_req *req, pf_str **ids, size_t *n, pf_error *err);

#endif
