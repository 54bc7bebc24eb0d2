/* SPDX-License-Identifier: MIT
 *
 * Trickle: many connections that say their lines byte by byte, in turn. The lines carry no
 * marks: this is company for those who are measured. The plan's rate is in bytes a second
 * over all of them. It says "connected" once all are open, and ends by a signal.
 */
#include "config.h"

#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

static int *open_all(const struct load_plan *plan)
{
    int *fds = calloc(plan->connections, sizeof *fds);

    if (fds == NULL)
        die_errno("load");
    for (unsigned i = 0; i < plan->connections; i++) {
        fds[i] = load_connect(plan, i);
        if (fds[i] < 0)
            die("connection %u: %s", i, strerror(-fds[i]));
    }
    return fds;
}

void load_trickle(const struct load_plan *plan, struct load_result *ret_result)
{
    static const char line[] = "drop by drop\n";
    const uint64_t rate = plan->rate > 0 ? plan->rate : plan->connections;
    int *fds = open_all(plan);
    unsigned at = 0;

    ret_result->began_ns = now_ns();
    printf("connected %llu\n", (unsigned long long)0);
    (void)fflush(stdout); /* a caller that is gone ends us by a signal, too */
    for (uint64_t n = 0; !stop_wanted(); n++) {
        sleep_until_ns(ret_result->began_ns + (uint64_t)((double)n * (double)NS_PER_S /
                                                         (double)rate));
        unsigned i = (unsigned)(n % plan->connections);
        if (i == 0 && n > 0)
            at = (at + 1) % (sizeof line - 1);
        if (send(fds[i], &line[at], 1, MSG_NOSIGNAL) == 1)
            ret_result->sent++;
        else
            ret_result->broken++;
    }
    ret_result->ended_ns = now_ns();
    for (unsigned i = 0; i < plan->connections; i++)
        (void)close(fds[i]); /* what is in flight does not matter */
    free(fds);
}
