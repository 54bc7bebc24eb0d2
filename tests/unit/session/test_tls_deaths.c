/* SPDX-License-Identifier: MIT
 *
 * The same proof for connections of TLS: a death after each single store, while records are
 * received, opened, cut in the middle and carried, and keys are changed. The transport is here
 * without its module, and connections are established without a handshake.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_connection),
        cmocka_unit_test(of_each_suite),
        cmocka_unit_test(of_an_heir),
    };

    log_set_level(SEVERITY_WARNING);
    require(tls_tools_new(&tools) == 0, "ciphers");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)tls_tools_free(tools);
    return failed;
}
