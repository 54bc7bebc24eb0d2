/* SPDX-License-Identifier: MIT
 *
 * Stepping: a function runs in a child process, one instruction at a time, and whenever it has
 * changed memory that is shared with us, it stands still while we look: as if it had died just
 * there. What the kernel writes for it (recv(2)) is one step.
 */
#ifndef PEERLOG_TESTS_STEPPING_H
#define PEERLOG_TESTS_STEPPING_H

#include <stdbool.h>
#include <stddef.h>

/* Memory that is watched; shared with the child. */
struct watched {
    const void *memory;
    size_t len;
};

/* Answers: may we do this here? Not under valgrind, nor where ptrace(2) is forbidden. */
bool stepping_is_possible(void);

/*
 * Run BODY in a child to its end; call LOOK after each step that changed any of COUNT regions, and
 * once at its end. A BODY that fails ends the program.
 */
void stepping_run(void (*body)(void *context), void (*look)(void *context), void *context,
                  const struct watched *regions, size_t count);

#endif
