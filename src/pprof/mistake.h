/* mistake.h: bodies that are not pprof but well known. Internal to this room.
 *
 * Asked only after decoding or inflating has failed, to give a message that helps.
 */
#ifndef PF_PPROF_MISTAKE_H
#define PF_PPROF_MISTAKE_H

#include "base/str.h"

/* What `bytes`, which are not a profile in protobuf, look like, as an error message: an execution
 * trace, one of the formats from before profile.proto, or, where they are `damaged` (not even a run
 * of fields), a body that went through curl -d. NULL when nothing comes to mind. */
const char *pf_mistake_of(pf_str bytes, bool damaged);

/* True when `bytes` are long and hold no line break and no zero byte at all, as binary data does that
 * went through `curl -d @file`, which leaves those out. */
bool pf_mistake_is_curl_d(pf_str bytes);

#define PF_MISTAKE_CURL_D "was it sent with curl -d instead of --data-binary?"

#endif
