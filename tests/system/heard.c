/* SPDX-License-Identifier: MIT
 *
 * Records of peerlogd, taken apart. Strict on purpose: what does not look as documented
 * is no record, and the sink counts it as foreign.
 */
#include "config.h"

#include "heard.h"

#include <stdlib.h>
#include <string.h>

/* One field of a journal entry; both point into the entry. */
struct field {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

static void copy_name(char *to, const char *from, size_t len)
{
    if (len >= HEARD_PEER_BYTES)
        len = HEARD_PEER_BYTES - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

/* Steps over "[mark] " as often as it stands there. */
static const char *read_marks(const char *at, const char *end, struct heard *heard)
{
    static const char repeat[] = "[repeat?] ";

    while (at < end && *at == '[') {
        const char *next = memmem(at, (size_t)(end - at), "] ", 2);

        if (next == NULL)
            break;
        next += 2;
        if ((size_t)(next - at) == sizeof repeat - 1 && memcmp(at, repeat, sizeof repeat - 1) == 0)
            heard->repeat = true;
        at = next;
    }
    return at;
}

bool heard_read_line(const char *line, size_t len, struct heard *ret_heard)
{
    const char *end = line + len;
    const char *at = memmem(line, len, "]: ", 3);
    const char *space;

    *ret_heard = (struct heard){0};
    if (at == NULL)
        return false;
    at += 3;
    space = memchr(at, ' ', (size_t)(end - at));
    if (space == NULL || memchr(at, ':', (size_t)(space - at)) == NULL)
        return false;
    copy_name(ret_heard->peer, at, (size_t)(space - at));
    ret_heard->text = read_marks(space + 1, end, ret_heard);
    ret_heard->text_len = (size_t)(end - ret_heard->text);
    return true;
}

/* --- the journal's form --- */

/* Returns: the bytes the field took, its newline included; 0 if it is not complete. */
static size_t read_field(const char *at, size_t len, struct field *ret_field)
{
    const char *line_end = memchr(at, '\n', len);
    const char *equals;
    uint64_t size = 0;

    if (line_end == NULL)
        return 0;
    equals = memchr(at, '=', (size_t)(line_end - at));
    if (equals != NULL) {
        *ret_field = (struct field){.name = at,
                                    .name_len = (size_t)(equals - at),
                                    .value = equals + 1,
                                    .value_len = (size_t)(line_end - equals - 1)};
        return (size_t)(line_end + 1 - at);
    }
    len -= (size_t)(line_end + 1 - at);
    if (len < 8)
        return 0;
    for (unsigned i = 0; i < 8; i++)
        size |= (uint64_t)(unsigned char)line_end[1 + i] << (8 * i);
    if (size >= len - 8)
        return 0;
    *ret_field = (struct field){.name = at,
                                .name_len = (size_t)(line_end - at),
                                .value = line_end + 9,
                                .value_len = (size_t)size};
    return (size_t)(line_end - at) + 10 + (size_t)size;
}

static bool is_named(const struct field *field, const char *name)
{
    return field->name_len == strlen(name) && memcmp(field->name, name, field->name_len) == 0;
}

static bool contains_word(const struct field *field, const char *word)
{
    return memmem(field->value, field->value_len, word, strlen(word)) != NULL;
}

static void take_field(const struct field *field, struct heard *heard, char *address, char *port)
{
    char digits[HEARD_PEER_BYTES];

    if (is_named(field, "MESSAGE")) {
        const char *end = field->value + field->value_len;
        const char *space = memchr(field->value, ' ', field->value_len);

        heard->text = read_marks(space != NULL ? space + 1 : field->value, end, heard);
        heard->text_len = (size_t)(end - heard->text);
    } else if (is_named(field, "PEER_ADDRESS")) {
        copy_name(address, field->value, field->value_len);
    } else if (is_named(field, "PEER_PORT")) {
        copy_name(port, field->value, field->value_len);
    } else if (is_named(field, "PEER_CONNECTION")) {
        copy_name(heard->connection, field->value, field->value_len);
    } else if (is_named(field, "PEER_SEQUENCE")) {
        copy_name(digits, field->value, field->value_len);
        heard->sequence = strtoull(digits, NULL, 10);
    } else if (is_named(field, "PEER_FLAGS")) {
        heard->repeat = heard->repeat || contains_word(field, "repeat");
    }
}

static void join_peer(struct heard *heard, const char *address, const char *port)
{
    size_t len = strlen(address);

    copy_name(heard->peer, address, len);
    if (len + 1 + strlen(port) < HEARD_PEER_BYTES) {
        heard->peer[len] = ':';
        memcpy(heard->peer + len + 1, port, strlen(port) + 1);
    }
}

size_t heard_read_entry(const char *bytes, size_t len, bool at_end, struct heard *ret_heard)
{
    char address[HEARD_PEER_BYTES] = "";
    char port[HEARD_PEER_BYTES] = "";
    struct heard heard = {0};
    struct field field;
    size_t taken = 0;

    while (taken < len && bytes[taken] != '\n') {
        size_t n = read_field(bytes + taken, len - taken, &field);

        if (n == 0)
            return 0;
        take_field(&field, &heard, address, port);
        taken += n;
    }
    if (taken == len && !at_end)
        return 0;
    taken += taken < len; /* the empty line */
    if (address[0] == '\0')
        heard.text = NULL;
    join_peer(&heard, address, port);
    *ret_heard = heard;
    return taken;
}
