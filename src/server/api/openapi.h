/* openapi.h: what the API is, for programs: openapi.json, which stands in the binary.
 *
 * The document is OpenAPI 3.1 and names every route, parameter, status and shape of an answer. It is written by hand;
 * the tests hold every answer that they get against it. The build puts the version into it (scripts/embed.cmake).
 */
#ifndef PF_SERVER_API_OPENAPI_H
#define PF_SERVER_API_OPENAPI_H

#include <stddef.h>

extern const char pf_openapi_json[];     /* JSON, NUL-terminated, with a newline at its end */
extern const size_t pf_openapi_json_len; /* bytes, without the NUL */

#endif
