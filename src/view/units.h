/* units.h: values as people read them: "1.25s", "3.40MB", "12". */
#ifndef PF_VIEW_UNITS_H
#define PF_VIEW_UNITS_H

#include "base/buf.h"

/* Appends `value` of `unit` ("nanoseconds", "bytes", "count" and their like; another unit is written behind the
 * number). As `go tool pprof` scales: by 1000 for time, by 1024 for bytes.
 * The unit is the profile's text: whoever writes a format escapes what comes out. */
void pf_units_put(pf_buf *out, int64_t value, pf_str unit);

/* Appends `part` of `whole` in percent, "12.3%"; nothing when `whole` is 0. */
void pf_units_put_percent(pf_buf *out, int64_t part, int64_t whole);

/* Appends text for XML: escaped; what is not UTF-8, and what XML can't hold, becomes U+FFFD. At most `chars` code
 * points, with ".." for the rest; 0: all. */
void pf_units_put_xml(pf_buf *out, pf_str text, size_t chars);

#endif
