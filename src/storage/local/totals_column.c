#include "storage/local/totals_column.h"

#include "storage/local/checksums.h"

#include <stdlib.h>

enum { TYPES_MAX = 4096 };

static bool take_text(const uint8_t **p, const uint8_t *end, pf_str *out)
{
    uint64_t n;
    if (!pf_varint_get(p, end, &n) || n > (uint64_t)(end - *p))
        return false;
    *out = (pf_str){(const char *)*p, (size_t)n};
    *p += n;
    return true;
}

static pf_code decode_types(pf_totals_column *s, pf_str bytes, pf_sample_types *out, pf_error *err)
{
    pf_str copy = pf_arena_str(&s->f->arena, bytes);
    pf_sample_type *list = pf_arena_array(&s->f->arena, copy.n / 2 + 1, sizeof *list);
    if (!copy.p || !list)
        return pf_arena_fail(&s->f->arena, err, "sample types");
    const uint8_t *p = (const uint8_t *)copy.p, *end = p + copy.n;
    size_t n = 0;
    for (; p < end; n++)
        if (n == TYPES_MAX || !take_text(&p, end, &list[n].type) ||
            !take_text(&p, end, &list[n].unit))
            return pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad sample types",
                           s->f->conn->partition->name);
    *out = (pf_sample_types){list, n};
    return PF_OK;
}

static bool equal_types(const pf_sample_types *a, const pf_sample_types *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!pf_str_eq(a->list[i].type, b->list[i].type) ||
            !pf_str_eq(a->list[i].unit, b->list[i].unit))
            return false;
    return a->n == b->n;
}

/* The list as another partition has it, else a copy in the arena. */
static const pf_sample_types *share_types(pf_totals_column *s, const pf_sample_types *types)
{
    for (size_t i = 0; i < s->nknown; i++)
        if (equal_types(s->known[i].types, types))
            return s->known[i].types;
    pf_sample_types *copy = pf_arena_alloc(&s->f->arena, sizeof *copy);
    if (copy)
        *copy = *types;
    return copy;
}

static pf_code read_types(pf_totals_column *s, uint64_t number, const pf_sample_types **out,
                          pf_error *err)
{
    pf_sample_types types = {0};
    sqlite3_stmt *st = pf_conn_stmt(s->f->conn, PF_STMT_TYPES, err);
    if (!st)
        return pf_db_fail(s->f->conn->db, err);
    sqlite3_bind_int64(st, 1, (int64_t)number);
    int rc = sqlite3_step(st);
    pf_code code = rc == SQLITE_ROW ? decode_types(s, pf_db_blob(st, 0), &types, err)
                   : rc == SQLITE_DONE
                       ? pf_fail(err, PF_INTERNAL, "partition %s is damaged: no sample types %llu",
                                 s->f->conn->partition->name, (unsigned long long)number)
                       : pf_db_fail(s->f->conn->db, err);
    sqlite3_reset(st);
    if (code)
        return code;
    *out = share_types(s, &types);
    return *out ? PF_OK : pf_arena_fail(&s->f->arena, err, "sample types");
}

static pf_code grow(pf_totals_column *s, size_t ntypes, pf_error *err)
{
    if (s->nknown == s->known_cap) {
        size_t cap = s->known_cap ? s->known_cap * 2 : 16;
        pf_totals_types *bigger = realloc(s->known, cap * sizeof *bigger);
        if (!bigger)
            return pf_fail_nomem(err, "sample types");
        s->known = bigger;
        s->known_cap = cap;
    }
    int64_t *sum = realloc(s->sum, (ntypes + 1) * sizeof *sum);
    if (sum)
        s->sum = sum;
    bool *has_sum = realloc(s->has_sum, (ntypes + 1) * sizeof *has_sum);
    if (has_sum)
        s->has_sum = has_sum;
    return sum && has_sum ? PF_OK : pf_fail_nomem(err, "sample types");
}

static pf_code know_types(pf_totals_column *s, uint64_t number, const pf_sample_types **out,
                          pf_error *err)
{
    for (size_t i = 0; i < s->nknown; i++) {
        size_t at = (s->last + i) % s->nknown;
        if (s->known[at].number == number && s->known[at].partition == s->f->partition) {
            s->last = at;
            *out = s->known[at].types;
            return PF_OK;
        }
    }
    pf_code code = read_types(s, number, out, err);
    size_t most = 0;
    for (size_t i = 0; i < s->nknown; i++)
        most = s->known[i].types->n > most ? s->known[i].types->n : most;
    if (!code)
        code = grow(s, (*out)->n > most ? (*out)->n : most, err);
    if (!code)
        s->known[s->nknown++] = (pf_totals_types){s->f->partition, number, *out};
    return code;
}

static pf_code damaged(const pf_totals_column *s, pf_error *err)
{
    return pf_fail(err, PF_INTERNAL, "partition %s is damaged: bad totals",
                   s->f->conn->partition->name);
}

pf_code pf_totals_column_read(pf_totals_column *s, pf_finder *f, pf_str bytes, pf_total *out,
                              pf_error *err)
{
    const uint8_t *p = (const uint8_t *)bytes.p, *end = p + bytes.n;
    uint64_t number, v;
    s->f = f;
    out->types = NULL;
    out->duration = 0;
    if (!bytes.n)
        return PF_OK;
    if (!pf_varint_get(&p, end, &number) || !pf_varint_get(&p, end, &v))
        return damaged(s, err);
    out->duration = pf_unzigzag(v);
    pf_code code = know_types(s, number, &out->types, err);
    if (code)
        return code;
    size_t n = out->types->n, nmap = (n + 7) / 8;
    const uint8_t *map = p;
    if (nmap > (size_t)(end - p))
        return damaged(s, err);
    p += nmap;
    for (size_t i = 0; i < n; i++) {
        s->has_sum[i] = map[i / 8] >> i % 8 & 1;
        s->sum[i] = 0;
        if (!s->has_sum[i])
            continue;
        if (!pf_varint_get(&p, end, &v))
            return damaged(s, err);
        s->sum[i] = pf_unzigzag(v);
    }
    out->sum = s->sum;
    out->has_sum = s->has_sum;
    return PF_OK;
}

void pf_totals_column_free(pf_totals_column *s)
{
    free(s->known);
    free(s->sum);
    free(s->has_sum);
    *s = (pf_totals_column){0};
}
