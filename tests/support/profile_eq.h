/* profile_eq.h: are two profiles the same? For tests.
 *
 * Both questions are answered by writing the profiles out as text, a line a fact, and comparing
 * lines; on a difference the first differing lines of both are printed to standard error.
 *
 *     exactly      every field: order, ids, the string table, has_period_type, has_unknown_fields
 *     canonically  as above, but in any order of samples, functions and locations, with any ids and
 *                  numbers of strings: what the symbol store promises to give back. Mappings keep
 *                  their order, labels of a sample theirs, and nothing that nobody refers to may be
 *                  missing.
 */
#ifndef PF_TESTS_PROFILE_EQ_H
#define PF_TESTS_PROFILE_EQ_H

#include "pprof/profile.h"

bool pf_test_same_exactly(const pf_profile *a, const pf_profile *b);
bool pf_test_same_canonically(const pf_profile *a, const pf_profile *b);

/* The texts that are compared; free() them. */
char *pf_test_dump_exactly(const pf_profile *p);
char *pf_test_dump_canonically(const pf_profile *p);

/* Aborts unless every number in the profile that refers to a row refers to one that is there, ids
 * are unique and not 0, and string 0 is empty: what every profile in memory must be. */
void pf_test_check_references(const pf_profile *p);

#endif
