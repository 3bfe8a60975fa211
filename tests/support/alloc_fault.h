/* alloc_fault.h: the n-th allocation of a thread, or of all, fails, for tests that walk every n.
 *
 *     for (long n = 0; alloc_fault_arm(n), work(), alloc_fault_disarm(); n++)
 *         ...
 *
 * Counts malloc, calloc and realloc of this project's objects: the program is linked with -Wl,--wrap for them
 * (tests/CMakeLists.txt: those that include this), so that a sanitizer's own stand below. After alloc_fault_in_sqlite() SQLite's count, too.
 */
#ifndef PF_TESTS_ALLOC_FAULT_H
#define PF_TESTS_ALLOC_FAULT_H

#include <stdbool.h>

/* Lets `n` allocations of the calling thread pass and fails the next one. */
void alloc_fault_arm(long n);

/* The same for all threads together; with `on` every one behind it fails, too. */
void alloc_fault_arm_all(long n, bool on);

/* No more fail; true when one did. */
bool alloc_fault_disarm(void);

/* Calls work(n, on) for n = first, first + 1, … until it says that no allocation failed, first with one failing alone, then
 * with all behind it failing, too, and each of those must fail. `work` arms and disarms. How many there were. */
long alloc_fault_walk(long first, bool (*work)(long n, bool on));

/* Before SQLite is used for the first time. */
void alloc_fault_in_sqlite(void);

#endif
