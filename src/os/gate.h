/* SPDX-License-Identifier: MIT
 *
 * A gate: threads that are started early wait here until all is in place, or until they are told
 * that nothing will come of it.
 */
#ifndef PEERLOG_OS_GATE_H
#define PEERLOG_OS_GATE_H

#include <pthread.h>
#include <stdbool.h>

enum gate_state {
    GATE_CLOSED, /* wait */
    GATE_OPEN,   /* go */
    GATE_OFF,    /* do not go: end */
};

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    enum gate_state state;
};

#define GATE_INITIALIZER {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, GATE_CLOSED}

/* Move it, for threads that wait or come later. Threads: any. */
void gate_move(struct gate *gate, enum gate_state state);

/* Wait until it is not closed. Returns: true when it is open. Threads: any.  Blocks: yes. */
bool gate_pass(struct gate *gate);

#endif
