/* chunk.h: a run of the symbol tables as bytes. docs/storage-format.md draws them.
 *
 *     | format | per table: first number, count | per stream: length, bytes ... |
 *
 * Chunks follow each other without gaps: the first numbers of one are the next numbers of the one
 * before. Many small ones can be read into one pf_tables and written as one large chunk; that one
 * may be compressed (format 1: the rest is a zstd frame).
 */
#ifndef PF_STORAGE_LOCAL_SYMBOLS_CHUNK_H
#define PF_STORAGE_LOCAL_SYMBOLS_CHUNK_H

#include "storage/local/symbols/tables.h"

/* Appends all that `t` holds as one chunk. `zstd_level` 0: not compressed. */
pf_code pf_chunk_encode(const pf_tables *t, int zstd_level, pf_buf *out, pf_error *err);

/* Adds the entries of a chunk to `t`, whose tables must reach up to the chunk's first numbers;
 * entries that `t` has already (the chunk replaced smaller ones that were read before) are passed
 * over. PF_INTERNAL "damaged symbols: …": not a chunk, a gap, a reference to nothing. `t` may hold
 * a part of it then and is of no more use. */
pf_code pf_chunk_decode(pf_tables *t, pf_str chunk, pf_error *err);

/* The numbers that the chunk leads up to: those that the next one begins with. Reads the front alone, of a compressed
 * chunk, too. PF_INTERNAL: "damaged symbols: …". */
pf_code pf_chunk_next(pf_str chunk, uint32_t next[static PF_TABLES], pf_error *err);

/* True for a chunk of format 1. */
bool pf_chunk_is_compressed(pf_str chunk);

#endif
