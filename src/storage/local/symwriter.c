#include "storage/local/symwriter.h"

#include "base/log.h"
#include "storage/local/checksums.h"
#include "storage/local/symbols/chunk.h"

#include <stdlib.h>
#include <string.h>

/* A tail of TAIL_BYTES becomes one compressed chunk. A single chunk of LARGE_BYTES, as the first profiles of a
 * service bring, is compressed at once. */
enum { TAIL_BYTES = 32 << 10, LARGE_BYTES = 4 << 10, LEVEL = 3 };

void pf_symwriter_init(pf_symwriter *s, pf_symbol_cache *known, const pf_hash_key *key)
{
    *s = (pf_symwriter){.known = known, .key = key};
    pf_tables_init(&s->fresh, NULL);
}

void pf_symwriter_free(pf_symwriter *s)
{
    pf_symwriter_disconnect(s);
    free(s->service);
    free(s->undo);
    pf_tables_free(&s->fresh);
    pf_buf_free(&s->row);
    pf_buf_free(&s->chunk);
    *s = (pf_symwriter){0};
}

pf_code pf_symwriter_connect(pf_symwriter *s, sqlite3 *db, pf_error *err)
{
    s->db = db;
    pf_code code = pf_db_prepare(db,
                                 "SELECT number, checksum, chunk FROM symbols"
                                 " WHERE number BETWEEN ?1 AND ?2 ORDER BY number",
                                 &s->read, err);
    if (!code)
        code = pf_db_prepare(db,
                             "SELECT number, checksum, chunk FROM symbols"
                             " WHERE number BETWEEN ?1 AND ?2 ORDER BY number DESC",
                             &s->newest, err);
    if (!code)
        code = pf_db_prepare(db, "INSERT INTO symbols(number, checksum, chunk) VALUES(?1, ?2, ?3)",
                             &s->add, err);
    if (!code)
        code = pf_db_prepare(db, "DELETE FROM symbols WHERE number BETWEEN ?1 AND ?2", &s->remove,
                             err);
    return code;
}

void pf_symwriter_disconnect(pf_symwriter *s)
{
    sqlite3_finalize(s->read);
    sqlite3_finalize(s->newest);
    sqlite3_finalize(s->add);
    sqlite3_finalize(s->remove);
    s->read = s->newest = s->add = s->remove = NULL;
    s->db = NULL;
}

void pf_symwriter_begin(pf_symwriter *s)
{
    pf_symbol_cache_begin(s->known);
}

void pf_symwriter_keep(pf_symwriter *s)
{
    pf_symbol_cache_keep(s->known);
    for (size_t i = 0; i < s->nundo; i++)
        s->service[s->undo[i].number].touched = false;
    s->nundo = 0;
}

void pf_symwriter_undo(pf_symwriter *s)
{
    bool undone = pf_symbol_cache_undo(s->known);
    for (size_t i = 0; i < s->nundo; i++) {
        pf_symservice *to = &s->service[s->undo[i].number];
        *to = s->undo[i].was;
        if (!undone) /* what it knew is lost with what it must not know */
            pf_random(&to->numbering.salt, sizeof to->numbering.salt);
    }
    s->nundo = 0;
}

/* Keeps a copy of the service to go back to; once a transaction. */
static pf_code touch(pf_symwriter *s, int64_t number, pf_error *err)
{
    pf_symservice *of = &s->service[number];
    if (of->touched)
        return PF_OK;
    if (s->nundo == s->undo_cap) {
        size_t cap = s->undo_cap ? s->undo_cap * 2 : 64;
        pf_symundo *bigger = realloc(s->undo, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "symbols");
        s->undo = bigger;
        s->undo_cap = cap;
    }
    s->undo[s->nundo++] = (pf_symundo){number, *of};
    of->touched = true;
    return PF_OK;
}

static void note_chunk(pf_symservice *to, uint32_t sequence, pf_str chunk)
{
    to->sequence = sequence;
    if (pf_chunk_is_compressed(chunk) && !to->tail_bytes)
        to->tail_first = sequence + 1;
    else
        to->tail_bytes += (uint32_t)chunk.n;
}

/* Adds the chunks from `first` on to `t`; *damaged: one of them is. */
static pf_code read_chunks(pf_symwriter *s, int64_t service, uint32_t first, pf_tables *t,
                           bool *damaged, pf_error *err)
{
    pf_code code = PF_OK;
    int rc = SQLITE_DONE;
    sqlite3_bind_int64(s->read, 1, pf_symbols_number(service, first));
    sqlite3_bind_int64(s->read, 2, pf_symbols_number(service, UINT32_MAX));
    while (!code && (rc = sqlite3_step(s->read)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(s->read, 0);
        pf_str chunk = pf_db_blob(s->read, 2);
        *damaged = pf_symbols_checksum(number, chunk) != sqlite3_column_int64(s->read, 1);
        code = *damaged ? pf_fail(err, PF_INTERNAL, "symbols of service %lld are damaged on disk",
                                  (long long)service)
                        : pf_chunk_decode(t, chunk, err);
    }
    if (!code && rc != SQLITE_DONE)
        code = pf_db_fail(s->db, err);
    sqlite3_reset(s->read);
    return code;
}

/* The newest chunk says which numbers come next. */
static void read_newest(pf_symwriter *s, int64_t number, pf_str chunk, pf_symservice *to)
{
    uint32_t next[PF_TABLES];
    pf_error err = {.msg = "the checksum does not match"};
    to->damaged = pf_symbols_checksum(number, chunk) != sqlite3_column_int64(s->newest, 1) ||
                  pf_chunk_next(chunk, next, &err) != PF_OK;
    if (!to->damaged)
        memcpy(to->numbering.next, next, sizeof next);
    else
        PF_LOG_ERROR("a service's newest symbols are damaged: its profiles can't be stored",
                     PF_I("service", number >> 32), PF_S("error", err.msg));
    to->sequence = (uint32_t)number;
    to->tail_first = to->sequence + 1;
}

/* One more chunk, seen from the end: the tail reaches back to the oldest plain one, over single compressed ones between
 * plain ones. False: it can't reach any further. */
static bool look_back(pf_symservice *to, uint32_t sequence, pf_str chunk, uint32_t *between)
{
    if (pf_chunk_is_compressed(chunk)) {
        bool two = *between != 0;
        *between = (uint32_t)chunk.n;
        return !two && chunk.n < TAIL_BYTES;
    }
    to->tail_first = sequence;
    to->tail_bytes += *between + (uint32_t)chunk.n;
    *between = 0;
    return to->tail_bytes < TAIL_BYTES;
}

static pf_code start(pf_symwriter *s, int64_t service, pf_symservice *to, pf_error *err)
{
    size_t bytes = 0;
    uint32_t between = 0;
    bool more = true;
    int rc = SQLITE_DONE;
    *to = (pf_symservice){.tail_first = 1};
    pf_numbering_init(&to->numbering, NULL);
    sqlite3_bind_int64(s->newest, 1, pf_symbols_number(service, 1));
    sqlite3_bind_int64(s->newest, 2, pf_symbols_number(service, UINT32_MAX));
    while (more && (rc = sqlite3_step(s->newest)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(s->newest, 0);
        pf_str chunk = pf_db_blob(s->newest, 2);
        if (!bytes)
            read_newest(s, number, chunk, to);
        bytes += chunk.n + !chunk.n;
        more = !to->damaged && look_back(to, (uint32_t)number, chunk, &between);
    }
    pf_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? PF_OK : pf_db_fail(s->db, err);
    sqlite3_reset(s->newest);
    to->known = code == PF_OK;
    if (!code && bytes && s->started)
        s->started(s->started_ctx, service, to->damaged ? NULL : &to->numbering.salt, bytes);
    return code;
}

static pf_code find_service(pf_symwriter *s, int64_t number, pf_symservice **out, pf_error *err)
{
    if ((uint64_t)number >= s->nservice) {
        size_t n = (size_t)number + (size_t)number / 2 + 16;
        pf_symservice *bigger = realloc(s->service, n * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "symbols");
        memset(bigger + s->nservice, 0, (n - s->nservice) * sizeof *bigger);
        s->service = bigger;
        s->nservice = n;
    }
    *out = &s->service[number];
    pf_code code = (*out)->known ? PF_OK : start(s, number, *out, err);
    if (!code && (*out)->damaged)
        code = pf_fail(err, PF_INTERNAL, "symbols of service %lld are damaged on disk",
                       (long long)number);
    return code;
}

pf_code pf_symwriter_start(pf_symwriter *s, int64_t service, pf_error *err)
{
    pf_symservice *to;
    return find_service(s, service, &to, err);
}

bool pf_symwriter_is_damaged(const pf_symwriter *s, int64_t service)
{
    return (uint64_t)service < s->nservice && s->service[service].damaged;
}

bool pf_symwriter_is_salt(const pf_symwriter *s, int64_t service, const pf_hash *salt)
{
    return (uint64_t)service < s->nservice && s->service[service].known &&
           pf_hash_eq(s->service[service].numbering.salt, *salt);
}

static pf_code write_chunk(pf_symwriter *s, int64_t number, const pf_tables *t, pf_error *err)
{
    pf_buf_clear(&s->chunk);
    pf_code code = pf_chunk_encode(t, 0, &s->chunk, err);
    if (!code && s->chunk.len >= LARGE_BYTES) {
        pf_buf_clear(&s->chunk);
        code = pf_chunk_encode(t, LEVEL, &s->chunk, err);
    }
    if (code)
        return code;
    sqlite3_bind_int64(s->add, 1, number);
    sqlite3_bind_int64(s->add, 2, pf_symbols_checksum(number, pf_buf_str(&s->chunk)));
    pf_db_bind(s->add, 3, pf_buf_str(&s->chunk));
    if (sqlite3_step(s->add) != SQLITE_DONE)
        code = pf_db_fail(s->db, err);
    sqlite3_reset(s->add);
    return code;
}

/* The tail becomes one compressed chunk under the number of its last. One that is damaged stays as it is. */
static pf_code compress_tail(pf_symwriter *s, int64_t service, pf_symservice *of, pf_error *err)
{
    pf_tables tail;
    bool damaged = false;
    pf_tables_init_floating(&tail);
    pf_code code = read_chunks(s, service, of->tail_first, &tail, &damaged, err);
    if (damaged || (code == PF_INTERNAL && strstr(err->msg, "damaged"))) {
        of->damaged = true;
        PF_LOG_ERROR("symbols of a service are damaged", PF_I("service", service),
                     PF_S("error", err->msg));
    }
    if (!code) {
        sqlite3_bind_int64(s->remove, 1, pf_symbols_number(service, of->tail_first));
        sqlite3_bind_int64(s->remove, 2, pf_symbols_number(service, of->sequence));
        if (sqlite3_step(s->remove) != SQLITE_DONE)
            code = pf_db_fail(s->db, err);
        sqlite3_reset(s->remove);
    }
    if (!code)
        code = write_chunk(s, pf_symbols_number(service, of->sequence), &tail, err);
    pf_tables_free(&tail);
    of->tail_first = of->sequence + 1;
    of->tail_bytes = 0;
    return damaged ? PF_OK : code;
}

static pf_code add_fresh(pf_symwriter *s, int64_t service, pf_symservice *to, pf_error *err)
{
    if (pf_tables_is_empty(&s->fresh))
        return PF_OK;
    if (to->sequence == UINT32_MAX - 1)
        return pf_fail(err, PF_UNAVAILABLE, "a partition's symbols are used up");
    pf_code code = write_chunk(s, pf_symbols_number(service, to->sequence + 1), &s->fresh, err);
    if (code)
        return code;
    note_chunk(to, to->sequence + 1, pf_buf_str(&s->chunk));
    return to->tail_bytes >= TAIL_BYTES ? compress_tail(s, service, to, err) : PF_OK;
}

pf_code pf_symwriter_add(pf_symwriter *s, int64_t service, int64_t created_at, const pf_profile *p,
                         const pf_content *content, const pf_intern_room *room, pf_str *row,
                         pf_error *err)
{
    pf_symservice *to = NULL;
    pf_row numbers;
    pf_code code = find_service(s, service, &to, err);
    if (!code)
        code = touch(s, service, err);
    if (code)
        return code;
    pf_buf_clear(&s->row);
    code = pf_intern(s->known, &to->numbering, s->key, p, content, room, &s->fresh, &numbers, err);
    if (!code)
        pf_row_sort(&numbers, room->scratch);
    if (!code)
        code = pf_row_encode(&numbers, created_at, room->scratch, &s->row, err);
    if (!code)
        code = add_fresh(s, service, to, err);
    *row = pf_buf_str(&s->row);
    return code;
}
