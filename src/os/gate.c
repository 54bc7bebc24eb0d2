/* SPDX-License-Identifier: MIT
 *
 * A gate: a mutex, a condition, a word. A plain mutex of ours cannot fail.
 */
#include "config.h"

#include "os/gate.h"

void gate_move(struct gate *gate, enum gate_state state)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->state = state;
    (void)pthread_cond_broadcast(&gate->moved);
    (void)pthread_mutex_unlock(&gate->lock);
}

bool gate_pass(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->state == GATE_CLOSED)
        (void)pthread_cond_wait(&gate->moved, &gate->lock);
    bool open = gate->state == GATE_OPEN;
    (void)pthread_mutex_unlock(&gate->lock);
    return open;
}
