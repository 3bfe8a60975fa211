/* stream.h: answers that are made while they are sent.
 *
 *     worker         produce() -> piece --mailbox--> loop: sends it as the client takes it
 *     worker <--job-------------------------------- loop: the piece is gone
 *
 * So there is one piece at a time, a slow reader costs that piece and no worker, and the piece belongs to the worker
 * while the job is out, else to the loop. When nothing more is wanted, done() is called by the worker that made the
 * last piece or failed to; if the connection breaks first, by one that the loop sends for.
 */
#ifndef PF_SERVER_HTTP_STREAM_H
#define PF_SERVER_HTTP_STREAM_H

#include "server/http/request.h"

/* On the loop's thread: has a worker make the next piece. The request comes back by its mail. */
void pf_stream_ask(pf_req *req);

/* On the loop's thread: has a worker call done(). The request comes back by its mail. False: there is nothing to
 * be done. */
bool pf_stream_ask_done(pf_req *req);

#endif
