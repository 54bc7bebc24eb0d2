/* SPDX-License-Identifier: MIT
 *
 * Session: see session.h. On one connection the transaction numbers of the window follow each
 * other without a gap, because what has an answer leaves the window before the next connection.
 */
#include "config.h"

#include "client/session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What we offer with "open". */
#define OFFERS "relp_version=0\nrelp_software=peerlog," PACKAGE_VERSION "\ncommands=syslog"

/* The transaction number of "open". */
#define OPEN_TXNR 1u

int session_init(struct session *s, struct outbox *outbox, uint32_t window)
{
    *s = (struct session){.outbox = outbox, .window = window};
    s->entries = calloc(window, sizeof *s->entries);
    return s->entries == NULL ? -ENOMEM : 0;
}

void session_done(struct session *s)
{
    free(s->entries);
    free(s->out);
    s->entries = NULL;
    s->out = NULL;
}

static struct session_entry *entry_at(struct session *s, uint32_t index)
{
    return &s->entries[(s->head + index) % s->window];
}

static int complain(struct session *s, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Note what is wrong, as by printf(3). Returns: ERROR. */
static int complain(struct session *s, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(s->problem, sizeof s->problem, format, arguments); /* cut is fine */
    va_end(arguments);
    return error;
}

/* --- what goes out --- */

/* Room for BYTES more behind what waits. */
static int make_room(struct session *s, size_t bytes)
{
    if (s->out_at > 0) {
        memmove(s->out, s->out + s->out_at, s->out_len - s->out_at);
        s->out_len -= s->out_at;
        s->out_at = 0;
    }
    if (s->out_room - s->out_len >= bytes)
        return 0;
    size_t room = s->out_len + bytes + PEERLOG_CLIENT_CHUNK_BYTES;
    unsigned char *out = realloc(s->out, room);
    if (out == NULL)
        return -ENOMEM;
    s->out = out;
    s->out_room = room;
    return 0;
}

/* One frame with the next transaction number. */
static int add_frame(struct session *s, enum relp_command command, const void *data, size_t len)
{
    size_t needed = RELP_MAX_HEADER_BYTES + len + 1;

    if (s->out_room - s->out_len < needed) {
        int error = make_room(s, needed);
        if (error < 0)
            return error;
    }
    s->out_len += relp_write_header((char *)s->out + s->out_len, s->next_txnr, command,
                                    (uint32_t)len);
    if (len > 0)
        memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
    s->out[s->out_len++] = '\n';
    s->next_txnr = relp_txnr_after(s->next_txnr);
    return 0;
}

/* The window takes in the next message of the outbox. */
static void take_message(struct session *s)
{
    *entry_at(s, s->count) = (struct session_entry){.start = s->outbox->sent};
    s->count++;
    outbox_advance(s->outbox, outbox_message(s->outbox, s->outbox->sent, NULL, NULL));
}

/* Frame the next message that this connection has not got. */
static int send_message(struct session *s)
{
    const unsigned char *text;
    size_t len;

    (void)outbox_message(s->outbox, entry_at(s, s->begun)->start, &text, &len);
    int error = add_frame(s, RELP_COMMAND_SYSLOG, text, len);
    if (error == 0)
        s->begun++;
    return error;
}

int session_begin(struct session *s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->count; i++)
        if (!entry_at(s, i)->settled)
            *entry_at(s, kept++) = *entry_at(s, i);
    s->count = kept;
    s->begun = 0;
    s->phase = SESSION_OPENING;
    s->next_txnr = OPEN_TXNR;
    s->head_txnr = OPEN_TXNR + 1;
    s->out_len = s->out_at = 0;
    s->state = (struct relp_state){0};
    s->carry = 0;
    s->problem[0] = '\0';
    return add_frame(s, RELP_COMMAND_OPEN, OFFERS, sizeof OFFERS - 1);
}

bool session_is_settled(const struct session *s)
{
    return s->count == 0 && s->outbox->sent == s->outbox->composed;
}

int session_fill(struct session *s, bool at_end)
{
    int error = 0;

    while (error == 0 && s->phase == SESSION_OPEN &&
           s->out_len - s->out_at < PEERLOG_CLIENT_CHUNK_BYTES) {
        if (s->begun == s->count && s->count < s->window && s->outbox->sent < s->outbox->composed)
            take_message(s);
        if (s->begun == s->count)
            break;
        error = send_message(s);
    }
    if (error == 0 && at_end && s->phase == SESSION_OPEN && session_is_settled(s)) {
        error = add_frame(s, RELP_COMMAND_CLOSE, NULL, 0);
        s->phase = SESSION_CLOSING;
    }
    return error;
}

size_t session_next(const struct session *s, const unsigned char **ret_bytes)
{
    *ret_bytes = s->out + s->out_at;
    return s->out_len - s->out_at;
}

void session_advance(struct session *s, size_t bytes)
{
    assert(bytes <= s->out_len - s->out_at);
    s->out_at += bytes;
    if (s->out_at == s->out_len)
        s->out_at = s->out_len = 0;
}

/* --- what comes in --- */

size_t session_room(struct session *s, unsigned char **ret_place)
{
    *ret_place = s->in + s->carry;
    return sizeof s->in - s->carry;
}

/* Does the list behind "commands=" in the offers name syslog? Without such a list, it does. */
static bool offers_syslog(const char *offers)
{
    const char *list = strstr(offers, "\ncommands=");

    if (list == NULL)
        return true;
    for (list += strlen("\ncommands="); *list != '\0' && *list != '\n';) {
        size_t len = strcspn(list, ",\n");
        if (len == strlen("syslog") && strncmp(list, "syslog", len) == 0)
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

static int hear_opened(struct session *s, uint32_t txnr, const struct relp_answer *answer)
{
    if (txnr != OPEN_TXNR)
        return complain(s, -EPROTO, "RELP: it answers what was not asked");
    if (answer->code != RELP_CODE_OK)
        return complain(s, -EPROTO, "RELP: it does not want us: %u %.*s", answer->code,
                        (int)answer->text_len, answer->text);
    if (!offers_syslog(s->answer))
        return complain(s, -EPROTO, "RELP: it takes no syslog messages");
    s->phase = SESSION_OPEN;
    return 0;
}

/* Messages that have their answer leave the window, as far as none before them waits. */
static void move_window(struct session *s)
{
    while (s->count > 0 && s->begun > 0 && entry_at(s, 0)->settled) {
        s->head = (s->head + 1) % s->window;
        s->head_txnr = relp_txnr_after(s->head_txnr);
        s->count--;
        s->begun--;
    }
}

static int hear_answer(struct session *s, uint32_t txnr, const struct relp_answer *answer)
{
    uint32_t index = (txnr + RELP_MAX_TXNR - s->head_txnr) % RELP_MAX_TXNR;

    if (txnr == 0 || index >= s->begun || entry_at(s, index)->settled)
        return complain(s, -EPROTO, "RELP: it answers what was not asked");
    entry_at(s, index)->settled = true;
    move_window(s);
    if (answer->code == RELP_CODE_OK) {
        s->confirmed++;
        return 0;
    }
    s->refused++;
    (void)snprintf(s->refusal, sizeof s->refusal, "%u %.*s", answer->code, (int)answer->text_len,
                   answer->text); /* cut is fine */
    return 0;
}

/* "rsp": to "close" it may be empty. */
static int hear_response(struct session *s, uint32_t txnr)
{
    struct relp_answer answer = {0};

    if (s->phase == SESSION_CLOSING || s->phase == SESSION_CLOSED) {
        s->phase = SESSION_CLOSED;
        return 0;
    }
    if (!relp_parse_answer((const unsigned char *)s->answer, s->answer_len, &answer))
        return complain(s, -EPROTO, "RELP: its answer has no code");
    return s->phase == SESSION_OPENING ? hear_opened(s, txnr, &answer)
                                       : hear_answer(s, txnr, &answer);
}

static int hear_frame(struct session *s, const struct relp_piece *piece)
{
    bool is_late = s->phase == SESSION_CLOSING || s->phase == SESSION_CLOSED;

    switch (piece->command) {
    case RELP_COMMAND_RSP:
        return hear_response(s, piece->txnr);
    case RELP_COMMAND_SERVERCLOSE:
        if (!is_late)
            return complain(s, -EPIPE, "it has closed the session");
        s->phase = SESSION_CLOSED;
        return 0;
    default:
        return complain(s, -EPROTO, "RELP: it sends a command that is none of a server's");
    }
}

/* Keep the data of a frame as a text, as far as there is room for it. */
static void keep_answer(struct session *s, const struct relp_piece *piece)
{
    if (piece->first)
        s->answer_len = 0;
    size_t room = sizeof s->answer - 1 - s->answer_len;
    size_t len = piece->len < room ? piece->len : room;
    memcpy(s->answer + s->answer_len, piece->data, len);
    s->answer_len += len;
    s->answer[s->answer_len] = '\0';
}

int session_hear(struct session *s, size_t bytes)
{
    struct relp_reader reader;
    struct relp_piece piece;
    enum relp_result result = RELP_NEED_MORE;
    int error = 0;

    relp_begin(&reader, &s->state, s->in, s->carry + bytes);
    while (error == 0 && (result = relp_next(&reader, &piece)) == RELP_READ) {
        keep_answer(s, &piece);
        if (piece.last)
            error = hear_frame(s, &piece);
    }
    outbox_acknowledge(s->outbox,
                       s->count > 0 ? s->outbox->sent - entry_at(s, 0)->start : 0);
    if (error < 0)
        return error;
    if (result == RELP_MALFORMED)
        return complain(s, -EPROTO, "its words are no RELP frame: %s",
                        relp_fault_describe(reader.fault));
    s->carry = (size_t)(reader.end - reader.at);
    memmove(s->in, reader.at, s->carry);
    return 0;
}
