/* SPDX-License-Identifier: MIT
 *
 * The publisher's thread, with a kind of the test's own: it connects as often as it takes, tries a
 * load until all of it is stored, and ends whatever its library does, and whatever the wall clock
 * says.
 */
#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/output/publisher.h"
#include "os/poller.h"

#define PATIENCE_MS 60000

/* The wall clock is an hour ahead of what the kernel waits by, as if it were set back meanwhile. */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret_time);

    if (clock == CLOCK_REALTIME)
        ret_time->tv_sec += 3600;
    return result;
}

/* What the kind does, and did. */
static struct {
    _Atomic int refusals;  /* of connections, still to come */
    _Atomic int step;      /* messages that one attempt stores */
    _Atomic int attempts, firsts, idles, closes;
    _Atomic bool hangs;    /* the library does not come back */
    sem_t may_go_on, closed;
} fake;

static bool fake_connect(struct publisher *p)
{
    if (atomic_load(&fake.hangs))
        while (sem_wait(&fake.may_go_on) < 0)
            ; /* a signal */
    if (fake.refusals > 0) {
        fake.refusals--;
        publisher_note_trouble(p, -ECONNREFUSED, "");
        return false;
    }
    return true;
}

static bool fake_attempt(struct publisher *p, bool is_first)
{
    int left = fake.step;

    fake.attempts++;
    fake.firsts += is_first;
    for (uint32_t i = 0; i < p->load.messages_count && left > 0; i++, left--)
        if (p->stored[i])
            left++;
        else
            publisher_note_stored(p, i);
    if (!publisher_is_stored(p))
        publisher_note_trouble(p, -EIO, "");
    return publisher_is_stored(p);
}

static void fake_idle(struct publisher *p)
{
    (void)p;
    fake.idles++;
}

static void fake_close(struct publisher *p)
{
    (void)p;
    fake.closes++;
    (void)sem_post(&fake.closed);
}

static const struct publisher_kind kind = {
    .name = "fake", .place = "fake", .state_bytes = 1, .connect = fake_connect,
    .attempt = fake_attempt, .idle = fake_idle, .close = fake_close,
};

static struct publisher *new_publisher(int refusals, int step)
{
    static const struct output_settings settings = {.type = OUTPUT_NATS, .stream = "S"};
    struct publisher *p = NULL;

    fake.refusals = refusals;
    fake.step = step;
    fake.attempts = fake.firsts = fake.idles = fake.closes = 0;
    fake.hangs = false;
    assert_int_equal(publisher_new(&kind, &settings, 1000, 1, &p), 0);
    return p;
}

static void wait_idle(struct publisher *p)
{
    while (!publisher_is_idle(p)) {
        bell_wait(p->bell, PATIENCE_MS);
        bell_hush(p->bell);
    }
}

static void send(struct publisher *p, uint32_t count)
{
    p->load.messages_count = count;
    publisher_send(p);
}

static void a_load_is_tried_until_it_is_stored(void **state)
{
    struct publisher *p = new_publisher(1, 3);

    (void)state;
    send(p, 7);
    wait_idle(p);
    assert_int_equal(publisher_acknowledged(p), 7);
    assert_int_equal(publisher_trouble(p), 0);
    assert_int_equal(fake.attempts, 3);
    assert_int_equal(fake.firsts, 1);
    send(p, 2);
    wait_idle(p);
    assert_int_equal(publisher_acknowledged(p), 2);
    assert_int_equal(fake.firsts, 2);
    publisher_end(p);
    assert_int_equal(fake.closes, 1);
}

static void trouble_is_told_while_it_lasts(void **state)
{
    struct publisher *p = new_publisher(INT32_MAX, 1);

    (void)state;
    while (publisher_trouble(p) == 0) {
        bell_wait(p->bell, PATIENCE_MS);
        bell_hush(p->bell);
    }
    assert_int_equal(publisher_trouble(p), -ECONNREFUSED);
    send(p, 1);
    fake.refusals = 1;
    wait_idle(p);
    assert_int_equal(publisher_trouble(p), 0);
    publisher_end(p);
}

static void what_is_stored_counts_from_the_first_on(void **state)
{
    struct publisher *p = new_publisher(INT32_MAX, 1); /* its thread does not look at the load */

    (void)state;
    p->load.messages_count = 4;
    publisher_note_stored(p, 1);
    publisher_note_stored(p, 3);
    assert_int_equal(publisher_acknowledged(p), 0);
    publisher_note_stored(p, 0);
    assert_int_equal(publisher_acknowledged(p), 2);
    assert_false(publisher_is_stored(p));
    publisher_note_stored(p, 2);
    assert_true(publisher_is_stored(p));
    publisher_end(p);
}

static void a_library_that_hangs_does_not_hold_the_worker(void **state)
{
    struct publisher *p = new_publisher(0, 1);

    (void)state;
    send(p, 1);
    wait_idle(p);
    fake.hangs = true;
    send(p, 1);
    publisher_end(p); /* the thread ends later, and frees all */
    (void)sem_post(&fake.may_go_on);
    while (fake.closes == 0)
        (void)sem_wait(&fake.closed); /* a signal, or an earlier test's */
}

static void the_same_place_is_news_once(void **state)
{
    struct publisher *p = new_publisher(0, 1);

    (void)state;
    assert_true(publisher_is_news(p, "one", false));
    assert_false(publisher_is_news(p, "one", false));
    assert_true(publisher_is_news(p, "one", true)); /* it was made, and that was not said */
    assert_false(publisher_is_news(p, "one", true));
    assert_true(publisher_is_news(p, "two", false));
    publisher_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_is_tried_until_it_is_stored),
        cmocka_unit_test(trouble_is_told_while_it_lasts),
        cmocka_unit_test(what_is_stored_counts_from_the_first_on),
        cmocka_unit_test(a_library_that_hangs_does_not_hold_the_worker),
        cmocka_unit_test(the_same_place_is_news_once),
    };

    (void)sem_init(&fake.may_go_on, 0, 0);
    (void)sem_init(&fake.closed, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
