/* storage.h: what a store is. README.md beside this file tells how to add one.
 *
 * A store is a struct whose first member is a pf_store, and a pf_store_ops of functions. All of
 * them may be called from several threads at once. Errors are values (base/error.h); a message
 * names what was wrong, not where in the store it happened.
 *
 *     API handler --pf_store_write()--> the store's own committer --done()--> the answer is sent
 *                 --pf_store_find()---> metas, in order, page by page
 *                 --pf_store_read()---> the bytes of one profile
 *                 --pf_store_merge()--> the bytes of many as one
 *                 --pf_store_remove()-> they are gone
 */
#ifndef PF_STORAGE_STORAGE_H
#define PF_STORAGE_STORAGE_H

#include "pprof/profile.h"
#include "profile/meta.h"
#include "profile/scope.h"

#include <stdatomic.h>

typedef struct pf_store pf_store;

/* One operation: what it may see and hold, and when it is to be given up (by its deadline, because the client has
 * gone, at shutdown, because its token was revoked). Long work looks at it every few milliseconds with pf_op_check. The
 * caller owns it; any thread may cancel. */
typedef struct pf_op {
    int64_t deadline;           /* pf_clock_mono() ns; 0: none */
    atomic_bool *cancel;        /* NULL: can't be cancelled */
    const atomic_bool *revoked; /* its right has ended; NULL: it can't */
    const pf_scope *scope;      /* profiles of other services are not there; NULL: all are */
    pf_ledger *budget;          /* memory in flight; NULL: not counted */
    size_t max_memory;          /* bytes that this operation may hold; 0: no ceiling of its own */
} pf_op;

/* PF_OK, PF_TIMEOUT ("the query took longer than …"), PF_CANCELLED or PF_UNAUTHENTICATED. NULL is an op without
 * limits. */
pf_code pf_op_check(const pf_op *op, pf_error *err);

/* Whether the operation may see this service. */
bool pf_op_sees(const pf_op *op, pf_str service);

/* One profile on its way into a store. The caller fills the first part and keeps everything that it
 * points to, and the struct, until `done` has been called. */
typedef struct pf_write pf_write;
struct pf_write {
    pf_meta meta;              /* service, type, labels, created_at; id is ignored */
    pf_str external_id;        /* what makes it repeatable, see `repeated`; empty: nothing does */
    pf_str body;               /* as pushed: gzip or bare protobuf, or a trace */
    pf_str inflated;           /* the bare protobuf; empty for a trace */
    const pf_profile *profile; /* decoded and valid; NULL for a trace */
    pf_arena *arena;           /* memory that the store may use for this write until done */

    /* Called exactly once, from any thread, maybe before pf_store_write returns: PF_OK after the
     * profile is durable, else nothing of it is stored. Must not block and must not call the store.
     * Afterwards the store does not touch the struct again. */
    void (*done)(pf_write *w, pf_code code, const pf_error *err);
    void *ctx; /* the caller's */

    /* The store's part. */
    char id[PF_ID_MAX + 1]; /* the new id, NUL-terminated, set before done(PF_OK) */
    /* The service had this external_id already, with the same body: nothing was stored, `id` and `meta` are those of
     * the first push (the labels stand in `arena`). With another body it is PF_CONFLICT. */
    bool repeated;
    void *store_data;
    pf_write *next;
};

/* Where a listing stands: what pf_store_find gave last. Zeroed at the start. */
typedef struct pf_find_pos {
    bool started, finished;
    int64_t created_at;
    char id[PF_ID_MAX + 1];
    int64_t remaining; /* with a limit: how many are still to come */
} pf_find_pos;

/* Receives metas; what they point to is valid during the call only. False ends the page there (that
 * meta counts as given). */
typedef bool (*pf_meta_fn)(void *ctx, const pf_meta *meta);

/* A profile's bytes, owned by whoever asked: free with pf_buf_free(&bytes). */
typedef struct pf_blob {
    pf_buf bytes; /* gzipped pprof, or a trace byte for byte */
    pf_type type;
} pf_blob;

/* Ids or a query: what is to be merged. */
typedef struct pf_selection {
    const pf_query *query; /* NULL: the ids */
    const pf_str *ids;     /* in the order given; a repeated id counts twice */
    size_t nids;
} pf_selection;

/* The selected profiles as one, decoded: for whoever shows it instead of sending it on. */
typedef struct pf_merged {
    const pf_profile *profile; /* as pf_merge leaves it, a single one too; valid during the call */
    pf_type type;              /* of the query; of the first profile where ids were given */
    size_t count;              /* profiles in it */
    int64_t first, last;       /* created_at of the earliest and the latest, ns */
} pf_merged;
/* May call the store: a comparison merges its other side here. */
typedef pf_code (*pf_merged_fn)(void *ctx, const pf_merged *m, pf_error *err);

typedef struct pf_sample_type {
    pf_str type, unit; /* "cpu", "nanoseconds" */
} pf_sample_type;

typedef struct pf_sample_types {
    const pf_sample_type *list; /* in the profile's order */
    size_t n;
} pf_sample_types;

/* What is known of a profile without reading it. Valid during the call, but for `labels` and `types`, which
 * stay until the walk ends. */
typedef struct pf_total {
    pf_type type;
    int64_t created_at, duration; /* ns */
    uint32_t series;              /* counted from 0; profiles of one number have equal labels */
    pf_labels labels;
    const pf_sample_types *types; /* the same address for the same list; NULL: a trace */
    const int64_t *sum;           /* of all samples, a sample type at a time */
    const bool *has_sum;          /* false where the sum leaves int64 */
} pf_total;

/* An error ends the walk. Must not call the store, which may hold something meanwhile. */
typedef pf_code (*pf_total_fn)(void *ctx, const pf_total *t, pf_error *err);

/* pf_meta_fn with what is known of each; all of it is valid during the call only. */
typedef bool (*pf_meta_total_fn)(void *ctx, const pf_meta *meta, const pf_total *t);

/* What is to go, or would. */
typedef struct pf_removal {
    pf_selection
        what; /* a query's limit does not count; an absent id is PF_NOT_FOUND, naming it, and nothing goes */
    bool dry_run; /* counts alone */
} pf_removal;

/* What a store can do, and what it keeps of what it is given. Constant. */
typedef struct pf_store_traits {
    const char *name;        /* "local" */
    int64_t created_at_tick; /* ns that times are kept to: 1 is all of it */
    size_t id_max;           /* bytes of its longest id */
    bool exact;              /* every field of profile.proto comes back */
    bool traces;             /* takes execution traces, byte for byte */
    bool deletes;            /* has `remove` */
    bool external_ids;       /* keeps external_id */
} pf_store_traits;

/* What a store holds; for people. */
typedef struct pf_store_stats {
    int64_t profiles, bytes, partitions;
    int64_t oldest, newest; /* created_at, ns; meaningful when there are profiles */
    int64_t retention;      /* ns that profiles are kept; 0: for ever */
    double ingest;          /* profiles stored a second, over the last minute */
} pf_store_stats;

typedef struct pf_store_ops {
    const pf_store_traits *traits;

    void (*write)(pf_store *s, pf_write *w);

    /* Gives the next metas of `q` after *pos, at most `max` of them, in order, and moves *pos on;
     * pos->finished is set when there are no more. New profiles that land behind *pos meanwhile may
     * be missed, those before may appear; nothing is given twice. */
    pf_code (*find)(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max, const pf_op *op,
                    pf_meta_fn fn, void *ctx, pf_error *err);

    /* PF_INVALID: not an id of this store's form; PF_NOT_FOUND "nothing found": absent, or of a service that the
     * op does not see (pf_op_sees). The same holds for the ids of `merge` and `merge_profile`; queries and lists of
     * services are looked at before the store is asked. */
    pf_code (*read)(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err);

    /* NULL: the generic read-and-merge does it. See pf_store_merge. */
    pf_code (*merge)(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                     pf_error *err);

    /* NULL: the generic read-and-merge does it. See pf_store_merge_profile. */
    pf_code (*merge_profile)(pf_store *s, const pf_selection *sel, const pf_op *op, pf_merged_fn fn,
                             void *ctx, pf_error *err);

    /* NULL: the generic way, which reads every profile. See pf_store_totals. */
    pf_code (*totals)(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn, void *ctx,
                      pf_error *err);

    /* NULL: the generic way, which reads every profile that it gives. See pf_store_find_totals. */
    pf_code (*find_totals)(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                           const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err);

    /* NULL: nothing can be deleted (PF_NOT_ALLOWED). See pf_store_remove. */
    pf_code (*remove)(pf_store *s, const pf_removal *r, const pf_op *op, int64_t *removed,
                      pf_error *err);

    /* NULL: nothing is known (PF_NOT_FOUND). */
    pf_code (*stats)(pf_store *s, pf_store_stats *out, pf_error *err);

    /* Names in byte order, each valid during the call only. */
    pf_code (*services)(pf_store *s, const pf_op *op, bool (*fn)(void *ctx, pf_str service),
                        void *ctx, pf_error *err);

    /* PF_OK when writes would be taken just now; else why not (a full disk, ...). For /readyz. */
    pf_code (*ready)(pf_store *s, pf_error *err);

    /* NULL: never any. Appends lines for people about what is wrong although writes are taken; for /readyz. */
    void (*problems)(pf_store *s, pf_buf *out);

    /* Finishes what was handed to write (every done is called), then frees the store. No call may
     * be under way or come later. */
    void (*close)(pf_store *s);
} pf_store_ops;

struct pf_store {
    const pf_store_ops *ops;
};

void pf_store_write(pf_store *s, pf_write *w);
pf_code pf_store_find(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max, const pf_op *op,
                      pf_meta_fn fn, void *ctx, pf_error *err);
pf_code pf_store_read(pf_store *s, pf_str id, const pf_op *op, pf_blob *out, pf_error *err);

/* The selected profiles as one gzipped pprof; a single one comes as it is stored.
 * PF_NOT_FOUND: the query finds nothing ("nothing found"), or an id is absent (naming it);
 * PF_INVALID: an id of another form, profiles that can't be merged, a sum that leaves int64;
 * PF_NOT_ALLOWED: a trace among them; PF_QUERY_LIMIT, PF_TIMEOUT, PF_CANCELLED: see pf_op. */
pf_code pf_store_merge(pf_store *s, const pf_selection *sel, const pf_op *op, pf_blob *out,
                       pf_error *err);

/* pf_store_merge, but `fn` is called once with the decoded result. Errors as there, and those of `fn`. */
pf_code pf_store_merge_profile(pf_store *s, const pf_selection *sel, const pf_op *op,
                               pf_merged_fn fn, void *ctx, pf_error *err);

/* Calls `fn` with every profile of `q` (its limit does not count), in no particular order, without reading
 * profiles where the store can. Nothing found is no error. */
pf_code pf_store_totals(pf_store *s, const pf_query *q, const pf_op *op, pf_total_fn fn, void *ctx,
                        pf_error *err);

/* pf_store_find with totals: the same profiles in the same order and pages. */
pf_code pf_store_find_totals(pf_store *s, const pf_query *q, pf_find_pos *pos, size_t max,
                             const pf_op *op, pf_meta_total_fn fn, void *ctx, pf_error *err);

/* Deletes profiles, or counts them. *removed says how many went, after an error too: those are gone for good and
 * can't be found any more when the call returns, the others are untouched. Their space comes back later.
 * A query that finds nothing is PF_OK with 0. */
pf_code pf_store_remove(pf_store *s, const pf_removal *r, const pf_op *op, int64_t *removed,
                        pf_error *err);

const pf_store_traits *pf_store_traits_of(const pf_store *s);

pf_code pf_store_stats_get(pf_store *s, pf_store_stats *out, pf_error *err);

pf_code pf_store_services(pf_store *s, const pf_op *op, bool (*fn)(void *ctx, pf_str service),
                          void *ctx, pf_error *err);
pf_code pf_store_ready(pf_store *s, pf_error *err);
void pf_store_problems(pf_store *s, pf_buf *out);
void pf_store_close(pf_store *s); /* NULL is allowed */

/* pf_store_write, and waits for it: for tests and tools. The id is in w->id. Sets w->done itself.
 */
pf_code pf_store_write_wait(pf_store *s, pf_write *w, pf_error *err);

#endif
