/* SPDX-License-Identifier: MIT
 *
 * A mailbox is a chain with one pointer: any thread puts a letter before it, its owner takes all
 * of them at once and turns their order round.
 */
#include "config.h"

#include "daemon/worker/mailbox.h"

#include <stddef.h>

void mailbox_post(struct mailbox *box, struct letter *letter)
{
    letter->next = atomic_load_explicit(&box->latest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&box->latest, &letter->next, letter,
                                                  memory_order_release, memory_order_relaxed))
        continue;
}

struct letter *mailbox_take(struct mailbox *box)
{
    struct letter *letter = atomic_exchange_explicit(&box->latest, NULL, memory_order_acquire);
    struct letter *first = NULL;

    while (letter != NULL) {
        struct letter *earlier = letter->next;
        letter->next = first;
        first = letter;
        letter = earlier;
    }
    return first;
}
