/* SPDX-License-Identifier: MIT
 *
 * The table of connections: slots are taken and given back, and never is one taken that
 * somebody has, also while others give theirs back.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/ledger/connections.h"

/* So many are taken over and end again while the first new one comes; so often. */
#define CLAIMED 4096u
#define ROUNDS 200

static struct ledger *make_table(struct connections *table, uint32_t slots)
{
    const struct ledger_geometry geometry = {.slots = slots, .inboxes = 1, .tail_bytes = 4096};
    struct ledger *ledger;

    assert_int_equal(ledger_new(&geometry, &ledger), 0);
    assert_int_equal(connections_init(table, ledger, slots), 0);
    return ledger;
}

static void free_table(struct connections *table, struct ledger *ledger)
{
    connections_done(table);
    (void)ledger_free(ledger);
}

/* Take one, as the listener does. Returns: its index, or CONNECTION_NONE. */
static uint32_t take(struct connections *table)
{
    uint32_t slot = connections_take(table);

    if (slot != CONNECTION_NONE)
        atomic_store(&table->ledger->slots[slot].use, SLOT_LIVE);
    return slot;
}

static void claim(struct connections *table, uint32_t slots)
{
    for (uint32_t i = 0; i < slots; i++) {
        connections_claim(table, i);
        atomic_store(&table->ledger->slots[i].use, SLOT_LIVE);
    }
}

static void takes_each_slot_once_and_no_more_than_there_are(void **state)
{
    enum { SLOTS = 64 };
    struct connections table;
    struct ledger *ledger = make_table(&table, SLOTS);
    bool taken[SLOTS] = {false};

    (void)state;
    claim(&table, 3);
    for (uint32_t i = 3; i < SLOTS; i++) {
        uint32_t slot = take(&table);
        assert_true(slot >= 3 && slot < SLOTS && !taken[slot]);
        taken[slot] = true;
    }
    assert_int_equal(take(&table), CONNECTION_NONE);
    connections_give(&table, 7);
    assert_int_equal(connections_count(&table), SLOTS - 1);
    assert_int_equal(take(&table), 7);
    assert_int_equal(take(&table), CONNECTION_NONE);
    free_table(&table, ledger);
}

static void takes_no_more_than_the_limit(void **state)
{
    struct connections table;
    struct ledger *ledger = make_table(&table, 4);

    (void)state;
    connections_set_limit(&table, 2);
    assert_int_not_equal(take(&table), CONNECTION_NONE);
    assert_int_not_equal(take(&table), CONNECTION_NONE);
    assert_int_equal(take(&table), CONNECTION_NONE);
    connections_set_limit(&table, 3);
    assert_int_not_equal(take(&table), CONNECTION_NONE);
    free_table(&table, ledger);
}

static bool is_zero(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((const unsigned char *)bytes)[i] != 0)
            return false;
    return true;
}

/* Those that survive keep them in the ledger, mortal ones beside it. */
static void leaves_no_secret_in_a_slot_that_is_given_back(void **state)
{
    struct connections table;
    struct ledger *ledger = make_table(&table, 2);

    (void)state;
    for (int mortal = 0; mortal <= 1; mortal++) {
        uint32_t slot = connections_take(&table);
        connections_open(&table, slot, &(struct conn_birth){
            .fd = -1, .lot = LOT_NONE, .transport = TRANSPORT_TLS, .mortal = mortal,
        });
        struct transport_state *kept = connections_transport(&table, slot);
        assert_ptr_equal(kept, mortal ? &table.mortal[slot] : &ledger->transports[slot]);
        memset(kept, 's', sizeof *kept);
        memset(&ledger->details[slot], 'd', sizeof ledger->details[slot]);
        ledger->slots[slot].flags |= SLOT_DETAILED;
        connections_give(&table, slot);
        assert_true(is_zero(kept, sizeof *kept));
        assert_true(is_zero(&ledger->transports[slot], sizeof ledger->transports[slot]));
        assert_true(is_zero(&ledger->details[slot], sizeof ledger->details[slot]));
    }
    free_table(&table, ledger);
}

struct race {
    struct connections table;
    pthread_barrier_t start;
};

/* A worker: what was taken over ends, the last one first. */
static void *give_claimed(void *argument)
{
    struct race *race = argument;

    (void)pthread_barrier_wait(&race->start);
    for (uint32_t i = CLAIMED; i > 0; i--)
        connections_give(&race->table, i - 1);
    return NULL;
}

static void takes_nothing_twice_while_others_give(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct race race;
        struct ledger *ledger = make_table(&race.table, 2 * CLAIMED);
        static bool taken[2 * CLAIMED];
        pthread_t worker;

        memset(taken, 0, sizeof taken);
        claim(&race.table, CLAIMED);
        assert_int_equal(pthread_barrier_init(&race.start, NULL, 2), 0);
        assert_int_equal(pthread_create(&worker, NULL, give_claimed, &race), 0);
        (void)pthread_barrier_wait(&race.start);
        for (uint32_t i = 0; i < CLAIMED; i++) {
            uint32_t slot = take(&race.table);
            assert_int_not_equal(slot, CONNECTION_NONE);
            assert_false(taken[slot]);
            taken[slot] = true;
        }
        assert_int_equal(pthread_join(worker, NULL), 0);
        assert_int_equal(pthread_barrier_destroy(&race.start), 0);
        free_table(&race.table, ledger);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_slot_once_and_no_more_than_there_are),
        cmocka_unit_test(takes_no_more_than_the_limit),
        cmocka_unit_test(leaves_no_secret_in_a_slot_that_is_given_back),
        cmocka_unit_test(takes_nothing_twice_while_others_give),
    };

    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
