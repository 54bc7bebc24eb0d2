/* SPDX-License-Identifier: MIT
 *
 * Fuzz the record layer with a state that is inherited from a hostile or torn ledger. The input
 * begins with the bytes of a state, as a text that is laid over a sound one; a script of
 * records follows (tls_script.h), sealed with whatever keys that state has. Nothing is read or
 * written out of bounds, a valid state stays one, and opening once more gives the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/tls_script.h"
#include "support/tls_peer.h"

/* Suite, bytes of the state that are changed, room in units of 100 bytes. */
#define HEADER_BYTES 3u

/* One change: where, and to what. */
#define CHANGE_BYTES 2u

static struct tls_tools *tools;

static void begin(void)
{
    if (tools == NULL)
        require(tls_tools_new(&tools) == 0, "tools");
}

static struct tls_state sound_state(const struct tls_suite *suite)
{
    struct tls_state state = {
        .version = suite->version, .suite = suite->id, .max_text_bytes = TLS_MAX_TEXT_BYTES};

    memset(&state.in, 1, sizeof state.in);
    memset(&state.out, 2, sizeof state.out);
    return state;
}

/* Open everything with ROOM bytes at a time. Returns: the last result; text is added. */
static enum tls_result open_all(struct tls_state *state, const struct bytes *wire, size_t room,
                                struct bytes *text)
{
    bool was_valid = tls_state_is_valid(state);
    unsigned char *part = malloc(room + 1);
    enum tls_result result = TLS_NEEDS_ROOM;
    size_t at = 0;

    require(part != NULL, "memory for a test");
    while (result == TLS_NEEDS_ROOM) {
        unsigned char *copy = exact_copy(wire->data + at, wire->len - at);
        struct tls_batch batch = {
            .wire = copy, .wire_bytes = wire->len - at, .text = part, .room = room};
        result = tls_open(tools, state, &batch);
        require(batch.taken <= wire->len - at && batch.opened <= room, "within bounds");
        require(result != TLS_NEEDS_ROOM || batch.taken > 0 || room < TLS_ROOM_BYTES,
                "with enough room it gets on");
        bytes_add(text, part, batch.opened);
        at += batch.taken;
        free(copy);
        if (result == TLS_NEEDS_ROOM && batch.taken == 0)
            break;
    }
    free(part);
    require(!was_valid || tls_state_is_valid(state), "valid stays valid");
    return result;
}

static void seal_some(struct tls_state *state)
{
    unsigned char small[TLS_SMALL_BYTES], text[100] = {0}, dst[sizeof text + TLS_SEAL_BYTES];
    bool was_valid = tls_state_is_valid(state);

    size_t n = tls_seal(tools, state, text, sizeof text, dst);
    require(n <= sizeof dst && (was_valid || n == 0), "a record of text");
    n = tls_seal_update(tools, state, small);
    require(n <= sizeof small && (was_valid || n == 0), "a KeyUpdate");
    n = tls_seal_alert(tools, state, TLS_CLOSE_NOTIFY, small);
    require(n <= sizeof small && (was_valid || n == 0), "an alert");
    require(tls_seal(tools, state, text, 1, dst) == 0, "nothing behind it");
    require(!was_valid || tls_state_is_valid(state), "valid stays valid");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_BYTES)
        return 0;
    begin();
    const struct tls_suite *suite = tls_suite_at(data[0] % 9);
    struct tls_state state = sound_state(suite);
    size_t changes = data[1], room = data[2] * 100u;
    data += HEADER_BYTES;
    size -= HEADER_BYTES;
    for (; changes > 0 && size >= CHANGE_BYTES; changes--, data += CHANGE_BYTES,
                                                 size -= CHANGE_BYTES)
        ((unsigned char *)&state)[data[0] % sizeof state] = data[1];

    struct tls_state again = state;
    struct script script = {.data = data, .size = size, .suite = suite, .half = state.in};
    struct bytes wire = {0}, text = {0}, once_more = {0};
    bytes_add_text(&wire, ""); /* there are bytes, if none */
    while (script_step(&script, &wire))
        ;
    enum tls_result result = open_all(&state, &wire, room, &text);
    require(open_all(&again, &wire, room, &once_more) == result, "the same result");
    require(text.len == once_more.len &&
                (text.len == 0 || memcmp(text.data, once_more.data, text.len) == 0),
            "the same text");
    require(memcmp(&state, &again, sizeof state) == 0, "the same state");
    seal_some(&state);
    bytes_done(&wire);
    bytes_done(&text);
    bytes_done(&once_more);
    return 0;
}
