/* symwriter.h: the committer's side of the symbol tables: numbers for a profile, chunks for the disk.
 *
 *     symbols:  number = service << 32 | sequence     1, 2, 3 ... a service, in the order of the numbers
 *
 *     | chunk 1 | chunk 2 | ... | chunk 40 |    one for each write that brought something new
 *     \------ when they come to 32 KB ------/-> one compressed chunk, numbered as the last of them
 *
 * So what is read back of a service is few, large, compressed pieces and a short tail. The tables
 * themselves are not kept in memory, only the hash-to-number cache that all services share. A service's first write
 * after a start goes on behind its newest chunk, of which it reads no more than the numbers: what it had is not known, and
 * gets second numbers, until somebody has recalled it (recaller.h).
 *
 * Belongs to the committer: not thread-safe.
 */
#ifndef PF_STORAGE_LOCAL_SYMWRITER_H
#define PF_STORAGE_LOCAL_SYMWRITER_H

#include "storage/local/db.h"
#include "storage/local/symbols/intern.h"

typedef struct pf_symservice {
    pf_numbering numbering;
    uint32_t sequence;   /* of its newest chunk */
    uint32_t tail_first; /* the oldest chunk that is not compressed yet */
    uint32_t tail_bytes; /* of those */
    bool known;          /* read from the partition since it was opened */
    bool damaged;        /* where to go on can't be known */
    bool touched;        /* in this transaction: there is a copy to go back to */
} pf_symservice;

/* A service as it was before the transaction. */
typedef struct pf_symundo {
    int64_t number;
    pf_symservice was;
} pf_symundo;

/* A service that has symbols was read at its end, which took `bytes`; `salt`: NULL for a damaged one. */
typedef void (*pf_symwriter_started)(void *ctx, int64_t service, const pf_hash *salt, size_t bytes);

typedef struct pf_symwriter {
    sqlite3 *db; /* the writer's connection; not owned */
    sqlite3_stmt *read, *newest, *add, *remove;
    pf_symwriter_started started; /* may be NULL */
    void *started_ctx;
    pf_symservice *service; /* by number */
    size_t nservice;
    pf_symbol_cache *known; /* shared with other partitions; not owned */
    const pf_hash_key *key; /* not owned */
    pf_symundo *undo;       /* of those touched in the transaction */
    size_t nundo, undo_cap;
    pf_tables fresh;   /* scratch */
    pf_buf row, chunk; /* scratch */
} pf_symwriter;

/* Knows nothing of any service yet. */
void pf_symwriter_init(pf_symwriter *s, pf_symbol_cache *known, const pf_hash_key *key);
void pf_symwriter_free(pf_symwriter *s);

/* Prepares for a connection; what is known stays from one connection to the partition to the next.
 * pf_symwriter_disconnect is right after an error, too. */
pf_code pf_symwriter_connect(pf_symwriter *s, sqlite3 *db, pf_error *err);
void pf_symwriter_disconnect(pf_symwriter *s);

/* Around each transaction. */
void pf_symwriter_begin(pf_symwriter *s);
void pf_symwriter_keep(pf_symwriter *s); /* it is committed */
void pf_symwriter_undo(
    pf_symwriter *s); /* it is rolled back: forgets what it gave out, and nothing else */

/* Sees to it that it is known where the service goes on, which pf_symwriter_add does as well. When that can't be read the
 * reason is logged, and told here from then on without a look. Writes nothing. */
pf_code pf_symwriter_start(pf_symwriter *s, int64_t service, pf_error *err);

/* Whether symbols of the service that a push needs were found damaged: it can't go on in this partition. */
bool pf_symwriter_is_damaged(const pf_symwriter *s, int64_t service);

/* Whether it is the salt of the service's numbering. */
bool pf_symwriter_is_salt(const pf_symwriter *s, int64_t service, const pf_hash *salt);

/* Inside a transaction: numbers for `p`, its new symbols written, its row's bytes in *row (valid until the
 * next call). After an error the transaction must be rolled back. */
pf_code pf_symwriter_add(pf_symwriter *s, int64_t service, int64_t created_at, const pf_profile *p,
                         const pf_content *content, const pf_intern_room *room, pf_str *row,
                         pf_error *err);

#endif
