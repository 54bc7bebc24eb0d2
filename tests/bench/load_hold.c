/* SPDX-License-Identifier: MIT
 *
 * Hold: many connections that stay open and are silent, but for when they are told to
 * speak. The caller steers it over standard input and output, see load.h.
 */
#include "config.h"

#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

struct hold {
    const struct load_plan *plan;
    struct load_result *result;
    struct load_shape shape;
    int *fds;
    unsigned open;
    uint32_t sequence;
};

/* The plan's rate: when is number N due? */
static void keep_pace(const struct load_plan *plan, uint64_t start_ns, unsigned n)
{
    if (plan->rate > 0)
        sleep_until_ns(start_ns + (uint64_t)((double)n * (double)NS_PER_S / (double)plan->rate));
}

static void open_all(struct hold *h)
{
    uint64_t start = now_ns();

    h->fds = calloc(h->plan->connections, sizeof *h->fds);
    if (h->fds == NULL)
        die_errno("load");
    while (h->open < h->plan->connections && !stop_wanted()) {
        keep_pace(h->plan, start, h->open);
        int fd = load_connect(h->plan, h->open);
        if (fd < 0)
            die("connection %u: %s", h->open, strerror(-fd));
        h->fds[h->open++] = fd;
    }
}

static void speak_all(struct hold *h)
{
    uint64_t start = now_ns();

    for (unsigned i = 0; i < h->open && !stop_wanted(); i++) {
        keep_pace(h->plan, start, i);
        struct mark mark = {h->plan->first_id + i, h->sequence, now_ns()};
        shape_fill(&h->shape, 1, &mark);
        if (send(h->fds[i], h->shape.bytes, h->shape.unit, MSG_NOSIGNAL) ==
            (ssize_t)h->shape.unit)
            h->result->sent++;
        else
            h->result->broken++;
    }
    h->sequence++;
}

/* Tell the caller that something is done, and how long it took. */
static void say(const char *word, uint64_t began_ns)
{
    printf("%s %llu\n", word, (unsigned long long)(now_ns() - began_ns));
    (void)fflush(stdout); /* a caller that is gone closes standard input, too */
}

void load_hold(const struct load_plan *plan, struct load_result *ret_result)
{
    struct hold hold = {.plan = plan, .result = ret_result};
    char line[16];

    shape_init(&hold.shape, plan);
    ret_result->began_ns = now_ns();
    open_all(&hold);
    say("connected", ret_result->began_ns);
    while (!stop_wanted() && fgets(line, sizeof line, stdin) != NULL) {
        uint64_t began = now_ns();
        if (strcmp(line, "speak\n") == 0) {
            speak_all(&hold);
            say("spoken", began);
        }
    }
    ret_result->ended_ns = now_ns();
    for (unsigned i = 0; i < hold.open; i++)
        (void)close(hold.fds[i]); /* nothing is in flight that matters */
    free(hold.fds);
    shape_done(&hold.shape);
}
