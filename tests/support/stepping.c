/* SPDX-License-Identifier: MIT
 *
 * Stepping, by ptrace(2). What was seen last is kept in a copy, for comparison.
 */
#include "config.h"

#include "support/stepping.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/intake.h"

/* Stay on this CPU, and the child with us: we take turns, and never work at the same time. */
static void share_one_cpu(void)
{
    cpu_set_t cpus;
    int cpu = sched_getcpu();

    CPU_ZERO(&cpus);
    if (cpu >= 0)
        CPU_SET((unsigned)cpu, &cpus);
    (void)sched_setaffinity(0, sizeof cpus, &cpus); /* it is only faster so */
}

/* Become a child that waits to be stepped. */
static pid_t begin_child(void)
{
    share_one_cpu();
    pid_t child = fork();

    require(child >= 0, "a child");
    if (child > 0)
        return child;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    (void)raise(SIGSTOP); /* the parent goes on from here */
    return 0;
}

static int wait_for(pid_t child)
{
    int status = 0;

    require(waitpid(child, &status, 0) == child, "the child to stop");
    return status;
}

bool stepping_is_possible(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    pid_t child;

    if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL)
        return false;
    child = begin_child();
    if (child == 0)
        _exit(0);
    int status = wait_for(child);
    bool possible = WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0;
    if (possible)
        status = wait_for(child);
    if (WIFSTOPPED(status)) {
        (void)kill(child, SIGKILL); /* it has shown what it can */
        (void)wait_for(child);
    }
    return possible;
}

/* Has one of the regions changed since it was kept? Then keep it anew. */
static bool note_changes(const struct watched *regions, size_t count, unsigned char *kept)
{
    bool changed = false;

    for (size_t i = 0; i < count; kept += regions[i++].len) {
        if (memcmp(kept, regions[i].memory, regions[i].len) == 0)
            continue;
        memcpy(kept, regions[i].memory, regions[i].len);
        changed = true;
    }
    return changed;
}

static unsigned char *keep(const struct watched *regions, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += regions[i].len;
    unsigned char *kept = calloc(1, len);
    require(kept != NULL, "memory for what was seen");
    (void)note_changes(regions, count, kept);
    return kept;
}

void stepping_run(void (*body)(void *context), void (*look)(void *context), void *context,
                  const struct watched *regions, size_t count)
{
    unsigned char *kept = keep(regions, count);
    pid_t child = begin_child();

    if (child == 0) {
        body(context);
        _exit(0);
    }
    int status = wait_for(child);
    require(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL) == 0, "a child that ends");
    while (WIFSTOPPED(status)) {
        int number = WSTOPSIG(status);
        bool ours = number == SIGTRAP || number == SIGSTOP;
        if (note_changes(regions, count, kept))
            look(context);
        require(ptrace(PTRACE_SINGLESTEP, child, NULL, ours ? 0 : number) == 0, "a step");
        status = wait_for(child);
    }
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child that ends well");
    look(context);
    free(kept);
}
