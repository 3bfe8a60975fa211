/* loop.h: a thread that waits for sockets, deadlines and mail, and does one thing at a time.
 *
 *     epoll --readiness--> pf_poll.fn      a socket became readable or writable (edge-triggered)
 *     timers ------------> pf_timer.fn     a deadline has come
 *     mailbox -----------> pf_mail.fn      another thread has something for this one
 *
 * All three kinds are members of what they belong to and find it by offsetof. Everything that a loop calls runs
 * on its thread, and all state of what it watches belongs to that thread: there are no locks. The one call
 * that other threads make is pf_loop_post. Functions must not block.
 */
#ifndef PF_SERVER_HTTP_LOOP_H
#define PF_SERVER_HTTP_LOOP_H

#include "base/error.h"
#include "server/http/timers.h"

#include <stdatomic.h>

typedef struct pf_loop pf_loop;

typedef struct pf_poll pf_poll;
struct pf_poll {
    void (*fn)(pf_poll *p, uint32_t events); /* EPOLLIN and its like */
    int fd;
};

/* One message. Its memory is the sender's until it is posted, then the receiver's; it must not be posted again
 * before its fn was called. */
typedef struct pf_mail pf_mail;
struct pf_mail {
    void (*fn)(pf_mail *m);
    pf_mail *next;
};

enum { PF_LOOP_SCRATCH = 64 << 10 };

/* Makes a loop; its thread ("http-<index>") starts with pf_loop_start. */
pf_code pf_loop_new(unsigned index, pf_loop **out, pf_error *err);
pf_code pf_loop_start(pf_loop *l, pf_error *err);

/* Any thread, never blocks, never fails. Mails of one sender are received in their order. */
void pf_loop_post(pf_loop *l, pf_mail *m);

/* Ends the thread once the mail that is there has been received, and joins it. What is still watched or set is
 * forgotten. Not from the loop's own thread. Then pf_loop_free. */
void pf_loop_stop(pf_loop *l);
void pf_loop_free(pf_loop *l);

/* One round without waiting, on the calling thread. For tests, which start no thread: it is the loop's then. */
void pf_loop_turn(pf_loop *l);

/* ---- On the loop's thread (or before it has started). */

/* Watches p->fd for `events` (EPOLLET among them where wanted). False: errno says why. */
bool pf_loop_watch(pf_loop *l, pf_poll *p, uint32_t events);
void pf_loop_unwatch(pf_loop *l, pf_poll *p); /* before p->fd is closed; no call comes afterwards */

bool pf_loop_set_timer(pf_loop *l, pf_timer *t, int64_t at);
void pf_loop_cancel_timer(pf_loop *l, pf_timer *t);

int64_t pf_loop_now(const pf_loop *l); /* pf_clock_mono() when this round began */

/* PF_LOOP_SCRATCH bytes that whoever runs just now may use, and nobody keeps. */
char *pf_loop_scratch(pf_loop *l);

/* "Sun, 06 Nov 1994 08:49:37 GMT", now; made once a second. */
const char *pf_loop_date(pf_loop *l);

#endif
