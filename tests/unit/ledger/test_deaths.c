/* SPDX-License-Identifier: MIT
 *
 * The ledger's proof: a process dies after each single store into the ledger, and after each
 * moment in which the log takes records. A successor takes over what it left at that instant,
 * reads what is still in the sockets, and every record is in the log exactly once, or a second
 * time with a mark that it may be.
 *
 * With many connections it takes a while; they go through all rounds when PEERLOG_LONG is set, and
 * only through the first one otherwise.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "os/log.h"
#include "support/deaths.h"

static uint32_t long_rounds(void)
{
    return getenv("PEERLOG_LONG") != NULL ? DEATHS_ROUNDS : 1;
}

static void of_one_connection(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 1, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
    });
}

static void of_two_connections_and_a_log_that_answers_late(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 3,
        .before = {.kind = &broker_late}, .after = {.kind = &broker_prompt},
    });
}

static void of_many_connections(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = DEATHS_CONNECTIONS, .records = 2, .rounds = long_rounds(), .a_time = 20,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
    });
}

static void of_flushed_messages(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 3, .rounds = DEATHS_ROUNDS, .a_time = 2, .flush = true,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
    });
}

static void behind_a_balancer(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2,
        .before = {.kind = &broker_prompt, .proxy = true},
        .after = {.kind = &broker_prompt, .proxy = true},
    });
}

static void behind_a_balancer_with_a_list_that_has_changed(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2,
        .before = {.kind = &broker_prompt, .proxy = true},
        .after = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"},
    });
}

static void of_many_connections_behind_a_balancer(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = DEATHS_CONNECTIONS, .records = 2, .rounds = long_rounds(), .a_time = 20,
        .before = {.kind = &broker_prompt, .proxy = true},
        .after = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.1"},
    });
}

static void of_an_heir_in_the_middle_of_what_it_inherited(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 1, .heir = true,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
    });
}

static void of_an_heir_behind_a_balancer(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 3, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2, .heir = true,
        .before = {.kind = &broker_late, .proxy = true},
        .after = {.kind = &broker_prompt, .proxy = true, .deny = "192.0.2.0/24"},
    });
}

static void of_connections_that_change_their_worker(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 3, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2, .moves = true,
        .before = {.kind = &broker_prompt, .crew = true},
        .after = {.kind = &broker_prompt, .crew = true},
    });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_connection),
        cmocka_unit_test(of_two_connections_and_a_log_that_answers_late),
        cmocka_unit_test(behind_a_balancer),
        cmocka_unit_test(behind_a_balancer_with_a_list_that_has_changed),
        cmocka_unit_test(of_an_heir_in_the_middle_of_what_it_inherited),
        cmocka_unit_test(of_an_heir_behind_a_balancer),
        cmocka_unit_test(of_connections_that_change_their_worker),
        cmocka_unit_test(of_many_connections),
        cmocka_unit_test(of_flushed_messages),
        cmocka_unit_test(of_many_connections_behind_a_balancer),
    };

    log_set_level(SEVERITY_WARNING); /* refusals are news to nobody here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
