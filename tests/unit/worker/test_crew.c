/* SPDX-License-Identifier: MIT
 *
 * The crew's rules: work goes to as few workers as keep up, and nothing goes to and fro.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/worker/crew.h"
#include "peerlog/count.h"

#define BUSY_MS CREW_BUSY_MS
#define CALM_MS CREW_CALM_MS

struct situation {
    const char *what;
    struct crew_view view;
    struct crew_decision decision;
};

static const struct situation situations[] = {
    {"one is enough", {0, 1, 4, {700}, 0, 0}, {CREW_STAY, 0, 0}},
    {"busy, but not for long", {0, 1, 4, {1000}, BUSY_MS - 1, 0}, {CREW_STAY, 0, 0}},
    {"busy", {0, 1, 4, {900}, BUSY_MS, 0}, {CREW_GROW, 1, 500}},
    {"busy, and there is no other", {0, 1, 1, {1000}, BUSY_MS, 0}, {CREW_STAY, 0, 0}},
    {"both are", {1, 2, 4, {900, 1000}, BUSY_MS, 0}, {CREW_GROW, 2, 500}},
    {"both are, and are all", {1, 2, 2, {900, 1000}, BUSY_MS, 0}, {CREW_STAY, 0, 0}},
    {"the other is not", {0, 2, 4, {1000, 200}, BUSY_MS, 0}, {CREW_GIVE, 1, 400}},
    {"the other sleeps", {1, 2, 2, {0, 900}, BUSY_MS, 0}, {CREW_GIVE, 0, 500}},
    {"the least busy", {1, 3, 3, {500, 1000, 400}, BUSY_MS, 0}, {CREW_GIVE, 2, 300}},
    {"nearly even", {0, 2, 2, {1000, 701}, BUSY_MS, 0}, {CREW_STAY, 0, 0}},
    {"fewer would do", {0, 2, 4, {300, 300}, 0, CALM_MS}, {CREW_SHRINK, 0, 0}},
    {"fewer would do, of late", {0, 2, 4, {300, 300}, 0, CALM_MS - 1}, {CREW_STAY, 0, 0}},
    {"nobody does anything", {0, 1, 4, {0}, 0, CALM_MS}, {CREW_STAY, 0, 0}},
    {"no more of it", {1, 1, 4, {300, 10}, 0, 0}, {CREW_GIVE, 0, CREW_WHOLE}},
    {"no more of it, and busy", {3, 2, 4, {900, 850, 0, 1000}, BUSY_MS, 0},
     {CREW_GIVE, 1, CREW_WHOLE}},
};

static void each_situation_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(situations); i++) {
        struct crew_decision decision = crew_decide(&situations[i].view);
        const struct crew_decision *wanted = &situations[i].decision;
        if (decision.step != wanted->step || decision.to != wanted->to ||
            decision.share != wanted->share)
            fail_msg("%s: step %d to %u, share %u", situations[i].what, (int)decision.step,
                     decision.to, decision.share);
    }
}

static void it_is_calm_when_fewer_would_have_room(void **state)
{
    static const struct {
        unsigned size;
        uint16_t use[4];
        bool calm;
    } cases[] = {
        {1, {0}, false},           {2, {600, 0}, true},  {2, {301, 300}, false},
        {2, {0, 0, 900}, true},    {3, {400, 400, 400}, true},
        {3, {1000, 1000, 10}, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct crew_view view = {.size = cases[i].size, .count = 4};
        for (size_t k = 0; k < 4; k++)
            view.use[k] = cases[i].use[k];
        assert_int_equal(crew_is_calm(&view), cases[i].calm);
    }
}

/* Work that is even over all, and what becomes of the crew in time: each step is one look. */
static unsigned settle(unsigned from, unsigned count, unsigned work, unsigned *ret_changes)
{
    struct crew_view view = {.size = from, .count = count};

    *ret_changes = 0;
    for (int look = 0; look < 1000; look++) {
        unsigned each = work / view.size < CREW_WHOLE ? work / view.size : CREW_WHOLE;
        for (unsigned i = 0; i < view.size; i++)
            view.use[i] = (uint16_t)each;
        view.busy_ms = each >= CREW_BUSY ? CREW_BUSY_MS : 0;
        view.calm_ms = crew_is_calm(&view) ? CREW_CALM_MS : 0;
        enum crew_step step = crew_decide(&view).step;
        *ret_changes += step != CREW_STAY;
        view.size += step == CREW_GROW;
        view.size -= step == CREW_SHRINK;
    }
    return view.size;
}

static void it_comes_to_rest_and_keeps_up(void **state)
{
    (void)state;
    for (unsigned work = 0; work <= 8 * CREW_WHOLE; work += 10)
        for (unsigned from = 1; from <= 16; from++) {
            unsigned changes;
            unsigned size = settle(from, 16, work, &changes);
            assert_true(changes <= 16); /* it goes one way, and stops */
            assert_true(work <= size * CREW_WHOLE);
            assert_true(size == 1 || work > CREW_CALM * (size - 1)); /* and is no larger */
        }
}

/* --- what they have in common --- */

static struct crew crew;
static struct worker *workers[3];

static void begin(void)
{
    static char places[3];

    for (size_t i = 0; i < 3; i++)
        workers[i] = (void *)&places[i]; /* no more than names here */
    assert_int_equal(crew_init(&crew, workers, 3), 0);
}

static void what_is_published_is_forgotten_in_time(void **state)
{
    struct crew_view view;

    (void)state;
    begin();
    crew_publish(&crew, 0, 400, 5000);
    crew_publish(&crew, 2, 4000, 5100);
    crew_look(&crew, 1, 5200, &view);
    assert_int_equal(view.self, 1);
    assert_int_equal(view.size, 1);
    assert_int_equal(view.count, 3);
    assert_int_equal(view.use[0], 400);
    assert_int_equal(view.use[1], 0);
    assert_int_equal(view.use[2], CREW_WHOLE);
    crew_look(&crew, 1, 5350, &view);
    assert_int_equal(view.use[0], 0); /* it sleeps */
    assert_int_equal(view.use[2], CREW_WHOLE);
    crew_done(&crew);
}

static void only_one_changes_its_size(void **state)
{
    (void)state;
    begin();
    assert_true(crew_has(&crew, 0) && !crew_has(&crew, 1));
    assert_true(crew_resize(&crew, 1, 2));
    assert_false(crew_resize(&crew, 1, 2)); /* another one has */
    assert_true(crew_has(&crew, 1) && !crew_has(&crew, 2));
    crew_done(&crew);
}

static void connections_go_to_the_first_until_more_are_needed(void **state)
{
    unsigned turn = 0;

    (void)state;
    begin();
    crew_publish(&crew, 0, CREW_WHOLE, 1000);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(crew_choose(&crew, &turn, 1000), workers[0]);
    assert_true(crew_resize(&crew, 1, 3));
    for (int i = 0; i < 2; i++) { /* the first is busy */
        assert_ptr_equal(crew_choose(&crew, &turn, 1000), workers[1]);
        assert_ptr_equal(crew_choose(&crew, &turn, 1000), workers[2]);
    }
    crew_publish(&crew, 1, CREW_WHOLE, 1000);
    crew_publish(&crew, 2, CREW_WHOLE, 1000);
    for (unsigned i = 0; i < 6; i++) { /* all are */
        struct worker *chosen = crew_choose(&crew, &turn, 1000);
        assert_ptr_equal(crew_choose(&crew, &turn, 1000) == chosen, 0);
    }
    assert_true(crew_resize(&crew, 3, 1));
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(crew_choose(&crew, &turn, 1000), workers[0]);
    crew_done(&crew);
}

static void nothing_moves_while_it_is_held_or_closed(void **state)
{
    (void)state;
    begin();
    assert_true(crew_begin_move(&crew));
    assert_false(crew_begin_move(&crew)); /* another one does */
    crew_end_move(&crew);
    crew_hold(&crew);
    assert_false(crew_begin_move(&crew));
    crew_release(&crew);
    assert_true(crew_begin_move(&crew));
    crew_end_move(&crew);
    crew_close(&crew);
    assert_false(crew_begin_move(&crew));
    crew_hold(&crew); /* it is not held by that */
    crew_release(&crew);
    crew_done(&crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_situation_has_its_answer),
        cmocka_unit_test(it_is_calm_when_fewer_would_have_room),
        cmocka_unit_test(it_comes_to_rest_and_keeps_up),
        cmocka_unit_test(what_is_published_is_forgotten_in_time),
        cmocka_unit_test(only_one_changes_its_size),
        cmocka_unit_test(connections_go_to_the_first_until_more_are_needed),
        cmocka_unit_test(nothing_moves_while_it_is_held_or_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
