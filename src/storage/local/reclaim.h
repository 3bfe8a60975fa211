/* reclaim.h: pages that deleted profiles left behind go back to the file system.
 *
 * In the partition that is written they are used again. Those of others are cut off in small steps, one a tick, so that
 * pushes never wait long: SQLite's incremental vacuum, which moves pages from the end of the file into its gaps. Readers
 * go on beside it. Belongs to the committer's thread.
 */
#ifndef PF_STORAGE_LOCAL_RECLAIM_H
#define PF_STORAGE_LOCAL_RECLAIM_H

#include "storage/local/committer.h"

enum { PF_RECLAIM_PAGES = 1024 }; /* of a step: 4 MiB */

/* One step in one partition that may have free pages; does nothing where none has. A failure is logged and tried again
 * at the next start. */
void pf_reclaim_step(pf_committer *c);

#endif
