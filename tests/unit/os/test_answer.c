/* SPDX-License-Identifier: MIT
 *
 * A question and its answer: who asks learns the truth, or that there is none to be had.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/answer.h"

#define PATIENCE_S 10u

struct place {
    char folder[64];
    char path[96];
    int fd;
};

/* One who asks in a thread, and what came of it. */
struct asker {
    pthread_t thread;
    const char *path;
    unsigned patience_s;
    struct answer answer;
    int result;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/peerlog-answer-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/socket", place->folder);
    place->fd = answer_listen(place->path);
    assert_true(place->fd >= 0);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;

    if (place->fd >= 0)
        (void)close(place->fd);
    (void)unlink(place->path);
    (void)rmdir(place->folder);
    free(place);
    return 0;
}

static void *ask(void *argument)
{
    struct asker *asker = argument;

    asker->result = answer_ask(asker->path, asker->patience_s, &asker->answer);
    return NULL;
}

static void begin(struct asker *asker, const struct place *place)
{
    *asker = (struct asker){.path = place->path, .patience_s = PATIENCE_S};
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
}

/* Take in who asks next; it may not have come yet. */
static int take(const struct place *place)
{
    int fd;

    while ((fd = answer_accept(place->fd)) == -EAGAIN)
        (void)usleep(1000);
    assert_true(fd >= 0);
    return fd;
}

static void gives_each_its_own_answer(void **state)
{
    struct place *place = *state;
    struct asker askers[2];

    for (size_t i = 0; i < 2; i++) {
        struct answer answer = {.good = i == 0, .line = "first"};
        if (i == 1)
            memset(answer.line, 'x', sizeof answer.line - 1);
        begin(&askers[i], place);
        answer_give(take(place), &answer);
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].result, 0);
        assert_true(askers[i].answer.good == (i == 0));
        assert_string_equal(askers[i].answer.line, answer.line);
    }
}

static void tells_of_one_that_ends_before_it_answers(void **state)
{
    struct place *place = *state;
    struct asker asker;

    begin(&asker, place);
    (void)close(take(place));
    assert_int_equal(pthread_join(asker.thread, NULL), 0);
    assert_int_equal(asker.result, -ECONNRESET);
}

static void tells_of_one_that_is_silent(void **state)
{
    struct place *place = *state;
    struct answer answer;

    assert_int_equal(answer_ask(place->path, 1, &answer), -ETIMEDOUT);
}

static void tells_that_nobody_is_there(void **state)
{
    struct place *place = *state;
    struct answer answer;

    (void)close(place->fd);
    place->fd = -1;
    assert_int_equal(answer_ask(place->path, PATIENCE_S, &answer), -ECONNREFUSED);
    (void)unlink(place->path);
    assert_int_equal(answer_ask(place->path, PATIENCE_S, &answer), -ENOENT);
}

static void takes_the_place_of_the_one_before(void **state)
{
    struct place *place = *state;
    struct asker asker;

    (void)close(place->fd);
    place->fd = answer_listen(place->path);
    assert_true(place->fd >= 0);
    begin(&asker, place);
    answer_give(take(place), &(struct answer){.good = true, .line = "second"});
    assert_int_equal(pthread_join(asker.thread, NULL), 0);
    assert_string_equal(asker.answer.line, "second");
}

static void does_not_take_other_packets_for_answers(void **state)
{
    struct place *place = *state;
    char packet[sizeof(struct answer) + 1];

    memset(packet, 'x', sizeof packet);
    for (size_t bytes = sizeof packet - 2; bytes <= sizeof packet; bytes++) {
        struct asker asker;
        begin(&asker, place);
        int fd = take(place);
        assert_int_equal(send(fd, packet, bytes, MSG_NOSIGNAL), bytes);
        (void)close(fd);
        assert_int_equal(pthread_join(asker.thread, NULL), 0);
        assert_int_equal(asker.result, -EPROTO);
    }
}

static void lets_only_its_own_user_ask(void **state)
{
    struct place *place = *state;
    struct stat status;

    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 077, 0);
}

static void refuses_a_path_that_is_too_long(void **state)
{
    char path[200];
    struct answer answer;

    (void)state;
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(answer_listen(path), -ENAMETOOLONG);
    assert_int_equal(answer_ask(path, PATIENCE_S, &answer), -ENAMETOOLONG);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(gives_each_its_own_answer),
        IN_A_PLACE(tells_of_one_that_ends_before_it_answers),
        IN_A_PLACE(tells_of_one_that_is_silent),
        IN_A_PLACE(tells_that_nobody_is_there),
        IN_A_PLACE(takes_the_place_of_the_one_before),
        IN_A_PLACE(does_not_take_other_packets_for_answers),
        IN_A_PLACE(lets_only_its_own_user_ask),
        cmocka_unit_test(refuses_a_path_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
