/* SPDX-License-Identifier: MIT
 *
 * A script of records.
 */
#include "config.h"

#include "fuzz/tls_script.h"

#include <string.h>

#include "support/tls_peer.h"

#define ALERT 21u
#define HANDSHAKE 22u
#define DATA 23u

static uint8_t next(struct script *script)
{
    if (script->size == 0)
        return 0;
    script->size--;
    return *script->data++;
}

static void forge(struct script *script, struct forgery forgery, struct bytes *wire)
{
    script->last = wire->len;
    if (script->suite->version == TLS_VERSION_1_2)
        forgery.padding = 0;
    peer_forge(&script->half, script->suite, &forgery, wire);
}

static void add_text(struct script *script, size_t len, size_t padding, struct bytes *wire)
{
    struct bytes text = {0};

    bytes_repeat(&text, 'a' + (int)(script->steps % 26), len);
    forge(script, (struct forgery){DATA, .text = text.data, .len = len, .padding = padding}, wire);
    bytes_done(&text);
}

static void add_key_update(struct script *script, struct bytes *wire)
{
    unsigned char message[] = {24, 0, 0, 1, next(script)};

    script->has_messages |= script->suite->version == TLS_VERSION_1_2;
    forge(script, (struct forgery){HANDSHAKE, .text = message, .len = sizeof message}, wire);
    if (script->suite->version == TLS_VERSION_1_3)
        peer_next_keys(&script->half, script->suite);
}

static void add_alert(struct script *script, struct bytes *wire)
{
    unsigned char alert[2] = {next(script), 0};

    alert[1] = next(script);
    script->warnings++;
    forge(script, (struct forgery){ALERT, .text = alert, .len = sizeof alert}, wire);
}

/* The bytes of the script that a step brings along. */
static struct span take(struct script *script)
{
    size_t len = next(script);
    struct span span = {.data = script->data, .len = len < script->size ? len : script->size};

    script->data += span.len;
    script->size -= span.len;
    return span;
}

static void add_other(struct script *script, struct bytes *wire)
{
    unsigned type = next(script);
    struct span text = take(script);

    script->has_messages |= type == HANDSHAKE;
    script->warnings += type == ALERT;
    forge(script, (struct forgery){type, .text = text.data, .len = text.len}, wire);
}

static void change_last(struct script *script, struct bytes *wire)
{
    size_t at = next(script);

    if (script->last + at < wire->len)
        wire->data[script->last + at] ^= (unsigned char)(1u << at % 8);
}

static void add_wire(struct script *script, struct bytes *wire)
{
    struct span bytes = take(script);

    script->last = wire->len;
    bytes_add(wire, bytes.data, bytes.len);
}

bool script_step(struct script *script, struct bytes *wire)
{
    if (script->size == 0 || script->steps == SCRIPT_MAX_STEPS)
        return false;
    script->steps++;
    switch (next(script)) {
    case 'p': {
        size_t len = next(script);
        add_text(script, len, next(script) * 70u, wire);
        break;
    }
    case 'l':
        add_text(script, 16384u - 32 + next(script), 0, wire);
        break;
    case 'e':
        add_text(script, 0, 0, wire);
        break;
    case 'k':
        add_key_update(script, wire);
        break;
    case 'a':
        add_alert(script, wire);
        break;
    case 'c':
        forge(script, (struct forgery){ALERT, .text = "\1\0", .len = 2}, wire);
        break;
    case 'o':
        add_other(script, wire);
        break;
    case 'x':
        change_last(script, wire);
        break;
    case 'w':
        add_wire(script, wire);
        break;
    default:
        add_text(script, next(script), 0, wire);
        break;
    }
    return true;
}
