/* SPDX-License-Identifier: MIT
 *
 * A worker whose output takes nothing: waiting for room counts as work, because a second worker
 * has a queue of its own; waiting for a log that is away does not.
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/clock.h"
#include "support/rig.h"

static struct broker log_broker;
static struct rig rig;

/* A pipe that takes nothing. */
static void open_full_pipe(int fds[2])
{
    static const char filler[4096];

    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    while (write(fds[1], filler, sizeof filler) > 0)
        continue;
}

/* Answers: does a short wait for the output count as work? */
static bool counts_as_work(struct worker *w)
{
    w->sharing.idle_us = 0;
    w->stop_at_ms = clock_mono_ms() + 5; /* until then */
    w->draining = true;
    worker_pause(w);
    w->draining = false;
    return w->sharing.idle_us == 0;
}

static void waiting_for_room_is_work(void **state)
{
    int fds[2];

    (void)state;
    log_broker = (struct broker){.room = UINT32_MAX};
    broker = &log_broker;
    rig_begin(&rig, &(struct rig_plan){.kind = &broker_prompt});
    struct output *output = rig.worker->output;
    assert_int_equal(output_ensure_open(output), 0);
    open_full_pipe(fds);
    int before = output->fd;
    output->fd = fds[1];
    assert_true(counts_as_work(rig.worker));
    output->retry_at_ms = clock_mono_ms() + 1000; /* it is away */
    assert_false(counts_as_work(rig.worker));
    output->retry_at_ms = 0;
    output->fd = before;
    (void)close(fds[0]);
    (void)close(fds[1]); /* nobody needs them any more */
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_for_room_is_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
