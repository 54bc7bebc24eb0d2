/* SPDX-License-Identifier: MIT
 *
 * The same proof for connections of TLS: a death after each single store, while records are
 * received, opened, cut in the middle and carried, and keys are changed. The transport is here
 * without its module, and connections are established without a handshake.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "daemon/session/tls.h"
#include "os/log.h"
#include "os/module.h"
#include "peerlog/count.h"
#include "support/deaths.h"
#include "support/intake.h"
#include "tls/suite.h"

extern const struct transport_module transport_module;

/* In the place of the one that loads modules. */
const void *module_symbol(const char *name, const char *symbol, const char **ret_why)
{
    (void)name;
    *ret_why = "there is no such thing here";
    return strcmp(symbol, "transport_module") == 0 ? &transport_module : NULL;
}

static struct tls_tools *tools;
static bool memory_is_short;

int __real_tls_tools_new(struct tls_tools **ret_tools);
int __wrap_tls_tools_new(struct tls_tools **ret_tools);

/* The linker puts this one in the place of the real one. */
int __wrap_tls_tools_new(struct tls_tools **ret_tools)
{
    return memory_is_short ? -ENOMEM : __real_tls_tools_new(ret_tools);
}

/* An established connection, as the daemon has it; any secret will do. */
static struct tls_state state_of(uint32_t index)
{
    const struct tls_suite *suite = tls_suite_at(index % 6);
    struct tls_state state = {
        .version = suite->version, .suite = suite->id, .max_text_bytes = TLS_MAX_TEXT_BYTES,
    };
    struct tls_half *const halves[] = {&state.in, &state.out};

    for (size_t i = 0; i < COUNT_OF(halves); i++) {
        memset(halves[i]->secret, (int)(16 * index + i), sizeof halves[i]->secret);
        memset(halves[i]->key, (int)(16 * index + i + 2), sizeof halves[i]->key);
        memset(halves[i]->iv, (int)(16 * index + i + 4), sizeof halves[i]->iv);
        halves[i]->number = state.version == TLS_VERSION_1_2 ? 1 : 0;
    }
    return state;
}

/* One record for each message; behind the first one the client changes its keys. */
static void seal(uint32_t index, char *stream, size_t *len, size_t *cut)
{
    unsigned char wire[DEATHS_STREAM_BYTES];
    struct tls_state daemon = state_of(index), client = daemon;
    size_t at = 0, n = 0;

    client.in = daemon.out;
    client.out = daemon.in;
    for (uint32_t number = 1; at < *len; number++) {
        const char *end = memchr(stream + at, '\n', *len - at);
        size_t message = end != NULL ? (size_t)(end + 1 - stream) - at : *len - at;
        /* A record ends within a message, and the wire is cut within a record. */
        size_t text = number == 1 ? message + 6 : message;
        text = text < *len - at ? text : *len - at;
        require(n + text + TLS_SEAL_BYTES + TLS_SMALL_BYTES <= sizeof wire, "room on the wire");
        const unsigned char *from = (const unsigned char *)stream + at;
        size_t sealed = tls_seal(tools, &client, from, text, wire + n);
        require(sealed > 0, "a record");
        if (number == 2)
            *cut = n + sealed / 2;
        n += sealed;
        if (number == 1 && client.version == TLS_VERSION_1_3)
            n += tls_seal_update(tools, &client, wire + n);
        at += text;
    }
    memcpy(stream, wire, n);
    *len = n;
}

static void establish(struct rig *rig, uint32_t slot, uint32_t index)
{
    struct tls_tools *own;
    const char *why;

    require(transport_exists(TRANSPORT_TLS), "TLS");
    require(module_symbol("tls", "transport_module", &why) != NULL, "its module");
    if (rig->table.tools[0] == NULL) { /* made here, because it takes many steps */
        require(tls_tools_new(&own) == 0, "ciphers");
        rig->table.tools[0] = own;
    }
    rig->ledger->slots[slot].transport = TRANSPORT_TLS;
    tls_slot_of(&rig->table, slot)->state = state_of(index);
}

static void of_each_suite(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 6, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 5,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
        .wire = seal, .establish = establish,
    });
}

static void of_one_connection(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 1, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 2,
        .before = {.kind = &broker_late}, .after = {.kind = &broker_prompt},
        .wire = seal, .establish = establish,
    });
}

static void of_an_heir(void **state)
{
    (void)state;
    deaths_try_all(&(struct deaths_plan){
        .connections = 2, .records = 4, .rounds = DEATHS_ROUNDS, .a_time = 1, .heir = true,
        .before = {.kind = &broker_prompt}, .after = {.kind = &broker_prompt},
        .wire = seal, .establish = establish,
    });
}

/*
 * A slot's transport as an earlier build of this layout has left it, and the record that comes
 * next. Should this fail: what was done to struct tls_slot needs another LEDGER_LAYOUT, or an
 * upgrade cuts the connections that live.
 */
static const char kept_slot[] =
    "0300000002010000070000000000000004030113004002000000000000000000101112131415161718191a1b"
    "1c1d1e1f202122232425262728292a2b2c2d2e2f000000000000000000000000000000005051525354555657"
    "58595a5b5c5d5e5f00000000000000000000000000000000a0a1a2a3a4a5a6a7a8a9aaab0000000005000000"
    "00000000202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0000000000000000"
    "0000000000000000606162636465666768696a6b6c6d6e6f00000000000000000000000000000000b0b1b2b3"
    "b4b5b6b7b8b9babb000000000200000000000000";
static const char kept_record[] =
    "170303001622d41e95dfd333325588f94f1f6b0edc20ecd6bf3a7b";

static size_t of_hexadecimal(const char *text, unsigned char *dst, size_t room)
{
    size_t len = strlen(text) / 2;

    require(len <= room, "room");
    for (size_t i = 0; i < len; i++)
        dst[i] = (unsigned char)(OPENSSL_hexchar2int((unsigned char)text[2 * i]) << 4 |
                                 OPENSSL_hexchar2int((unsigned char)text[2 * i + 1]));
    return len;
}

static void what_an_earlier_build_has_left(void **state)
{
    unsigned char wire[64], text[sizeof wire + TLS_ROOM_BYTES], answer[64];
    struct tls_slot slot = {.wire_bytes = 0};

    (void)state;
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        skip();
    assert_int_equal(of_hexadecimal(kept_slot, (unsigned char *)&slot, sizeof slot), sizeof slot);
    struct tls_batch batch = {
        .wire = wire, .wire_bytes = of_hexadecimal(kept_record, wire, sizeof wire), .text = text,
        .room = sizeof text,
    };
    assert_int_equal(slot.wire_bytes, 3);
    assert_int_equal(slot.reply, REPLY_RECORD);
    assert_int_equal(slot.begun, 1);
    assert_int_equal(slot.written, 7);
    assert_int_equal(tls_open(tools, &slot.state, &batch), TLS_NEEDS_MORE);
    assert_int_equal(batch.opened, strlen("kept\n"));
    assert_memory_equal(text, "kept\n", batch.opened);
    assert_int_equal(slot.state.in.number, 6);
    assert_int_equal(tls_seal(tools, &slot.state, text, batch.opened, answer),
                     batch.opened + TLS_HEADER_BYTES + 1 + 16);
    assert_int_equal(slot.state.out.number, 3);
}

/* As behind a takeover, when no worker has had anything to do with TLS yet. Returns: its slot. */
static uint32_t begin_inherited(struct rig *rig, int *ret_client)
{
    const struct rig_plan plan = {.kind = &broker_prompt};
    static struct broker log_broker;

    log_broker = (struct broker){.room = UINT32_MAX};
    broker = &log_broker;
    rig_begin(rig, &plan);
    uint32_t slot = rig_connect(rig, ret_client);
    require(transport_exists(TRANSPORT_TLS), "TLS");
    rig->ledger->slots[slot].transport = TRANSPORT_TLS;
    tls_slot_of(&rig->table, slot)->state = state_of(0);
    return slot;
}

static void end_inherited(struct rig *rig, uint32_t slot, int client)
{
    rig->table.conns[slot].by_reset = 1;
    (void)close(client); /* the test is over */
    rig_end(rig);
}

static void waits_with_its_answers_while_memory_is_short(void **state)
{
    static struct rig rig;
    int client;

    (void)state;
    uint32_t slot = begin_inherited(&rig, &client);
    struct tls_state *tls = &tls_slot_of(&rig.table, slot)->state;
    tls->flags = TLS_OWES_UPDATE;
    const struct tls_state before = *tls;
    const struct transport_kind *transport = transport_of(&rig.table, slot);

    memory_is_short = true;
    assert_int_equal(transport->committed(&rig.table, slot), -EAGAIN);
    assert_int_equal(transport->write(&rig.table, slot, "x", 1), -EAGAIN);
    tls->flags = 0;
    assert_int_equal(transport->write(&rig.table, slot, "x", 1), -EAGAIN);
    tls->flags = TLS_OWES_UPDATE;
    assert_memory_equal(tls, &before, sizeof before);
    memory_is_short = false;
    assert_int_equal(transport->write(&rig.table, slot, "x", 1), 0);
    assert_int_equal(tls->flags, 0);
    assert_int_equal(tls->out.number, 1); /* by the new key */
    end_inherited(&rig, slot, client);
}

/* A message comes in a record, and there is no memory to open it. */
static void receive_while_memory_is_short(struct rig *rig, uint32_t slot, int client)
{
    char wire[DEATHS_STREAM_BYTES] = "message 1\n";
    size_t len = strlen(wire), cut;

    seal(0, wire, &len, &cut);
    rig_say(rig, slot, client, wire, len);
    memory_is_short = true;
    assert_false(worker_read(rig->worker, slot, RIG_READABLE));
}

static void waits_with_what_came_while_memory_is_short(void **state)
{
    static struct rig rig;
    int client;

    (void)state;
    uint32_t slot = begin_inherited(&rig, &client);
    receive_while_memory_is_short(&rig, slot, client);
    for (int i = 0; i < 3; i++)
        assert_false(worker_finish_round(rig.worker));
    assert_int_equal(broker->count, 0);
    memory_is_short = false;
    assert_true(worker_finish_round(rig.worker));
    assert_int_equal(broker->count, 1);
    assert_int_equal(broker->records[0].number, 1);
    assert_true(worker_owns(rig.worker, slot)); /* the connection goes on */
    end_inherited(&rig, slot, client);
}

/* A process that dies then leaves what it had in hand, and so does a start that fails. */
static void takes_nothing_over_while_memory_is_short(void **state)
{
    static struct rig rig, heir;
    const struct rig_plan plan = {.kind = &broker_prompt};
    char name[] = "lot-0";
    struct inherited lot = {.name = name, .kind = INHERITED_LOT};
    struct inheritance in = {.items = &lot, .count = 1};
    struct takeover_report report;
    uint32_t layout;
    int client, pair[2];

    (void)state;
    uint32_t slot = begin_inherited(&rig, &client);
    receive_while_memory_is_short(&rig, slot, client);
    int fd = rig_leave(&rig);
    require(ledger_open(fd, &in.ledger, &layout) == 0, "an inherited ledger");
    rig_make_pair(pair);
    lot.fd = pair[0];
    for (int i = 0; i < 2; i++) {
        memory_is_short = i == 0;
        rig_begin(&heir, &plan);
        assert_int_equal(takeover_run(&in, &heir.table, heir.parking, &report),
                         memory_is_short ? -ENOMEM : 0);
        assert_int_equal(report.messages, memory_is_short ? 0 : 1);
        rig_end(&heir);
    }
    (void)close(pair[1]); /* nothing was in it */
    (void)ledger_free(in.ledger);
    end_inherited(&rig, slot, client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_connection),
        cmocka_unit_test(of_each_suite),
        cmocka_unit_test(of_an_heir),
        cmocka_unit_test(what_an_earlier_build_has_left),
        cmocka_unit_test(waits_with_its_answers_while_memory_is_short),
        cmocka_unit_test(waits_with_what_came_while_memory_is_short),
        cmocka_unit_test(takes_nothing_over_while_memory_is_short),
    };

    log_set_level(SEVERITY_WARNING);
    require(tls_tools_new(&tools) == 0, "ciphers");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)tls_tools_free(tools);
    return failed;
}
