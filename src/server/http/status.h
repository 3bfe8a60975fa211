/* status.h: what the status of an answer is called (RFC 9110 15). */
#ifndef PF_SERVER_HTTP_STATUS_H
#define PF_SERVER_HTTP_STATUS_H

const char *pf_status_phrase(int status); /* "Not Found"; "Status" for one that has no name */

#endif
