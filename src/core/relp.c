/* SPDX-License-Identifier: MIT
 *
 * RELP frames. A header is read from its first byte each time it is looked at, which is
 * at most 53 bytes; behind it the state only counts down. LENGTH 0 stands directly before the
 * LF; a space between them, which some clients write, is taken as well.
 */
#include "config.h"

#include "peerlog/relp.h"

#include <assert.h>
#include <string.h>

#include "peerlog/count.h"
#include "peerlog/number.h"

enum relp_phase {
    PHASE_HEADER = 0, /* between two frames, or in a header that is carried */
    PHASE_DATA,       /* state->left bytes are to come */
    PHASE_END,        /* all data was given out: LF */
    PHASE_MALFORMED,
    PHASE_COUNT,
};

static const char *const names[] = {
    [RELP_COMMAND_OTHER] = "",
    [RELP_COMMAND_OPEN] = "open",
    [RELP_COMMAND_CLOSE] = "close",
    [RELP_COMMAND_SYSLOG] = "syslog",
    [RELP_COMMAND_RSP] = "rsp",
    [RELP_COMMAND_SERVERCLOSE] = "serverclose",
};

const char *relp_fault_describe(enum relp_fault fault)
{
    switch (fault) {
    case RELP_FAULT_TXNR:
        return "it does not begin with a transaction number of 1 to 9 digits";
    case RELP_FAULT_COMMAND:
        return "its transaction number is not followed by a command of 1 to 32 letters";
    case RELP_FAULT_LENGTH:
        return "its command is not followed by a length of 1 to 9 digits and a space";
    case RELP_FAULT_END:
        return "it does not end where its length says";
    default:
        return "nothing is wrong";
    }
}

/* --- the header --- */

/* How far a header was read: AT is the next byte of it. */
struct scan {
    const unsigned char *bytes;
    size_t len;
    size_t at;
};

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* A number, and a byte behind it that is none of its digits. */
static enum relp_result scan_number(struct scan *s, uint32_t *ret_number)
{
    size_t from = s->at;
    uint32_t number = 0;

    while (s->at < s->len && is_digit(s->bytes[s->at])) {
        if (s->at - from == RELP_MAX_DIGITS)
            return RELP_MALFORMED;
        number = number * 10 + (uint32_t)(s->bytes[s->at] - '0');
        s->at++;
    }
    if (s->at == s->len)
        return RELP_NEED_MORE;
    if (s->at == from)
        return RELP_MALFORMED;
    *ret_number = number;
    return RELP_READ;
}

static enum relp_result scan_space(struct scan *s)
{
    if (s->at == s->len)
        return RELP_NEED_MORE;
    return s->bytes[s->at++] == ' ' ? RELP_READ : RELP_MALFORMED;
}

static enum relp_command recognise(const unsigned char *name, size_t len)
{
    for (size_t i = RELP_COMMAND_OPEN; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return (enum relp_command)i;
    return RELP_COMMAND_OTHER;
}

/* "COMMAND SP" */
static enum relp_result scan_command(struct scan *s, struct relp_header *header)
{
    size_t from = s->at;

    while (s->at < s->len && is_letter(s->bytes[s->at])) {
        if (s->at - from == RELP_MAX_COMMAND_BYTES)
            return RELP_MALFORMED;
        s->at++;
    }
    if (s->at == s->len)
        return RELP_NEED_MORE;
    if (s->at == from)
        return RELP_MALFORMED;
    header->command_at = (uint32_t)from;
    header->command_bytes = (uint32_t)(s->at - from);
    header->command = recognise(s->bytes + from, s->at - from);
    return scan_space(s);
}

/* "LENGTH SP"; behind 0 the LF may follow at once, and is left where it is. */
static enum relp_result scan_length(struct scan *s, struct relp_header *header)
{
    enum relp_result result = scan_number(s, &header->data_bytes);

    if (result != RELP_READ || (header->data_bytes == 0 && s->bytes[s->at] == '\n'))
        return result;
    return scan_space(s);
}

/* The parts of a header in their order; *ret_fault names the one that was not finished. */
static enum relp_result scan_header(struct scan *s, struct relp_header *header,
                                    enum relp_fault *ret_fault)
{
    enum relp_result result;

    *ret_fault = RELP_FAULT_TXNR;
    result = scan_number(s, &header->txnr);
    if (result != RELP_READ)
        return result;
    *ret_fault = RELP_FAULT_COMMAND;
    result = scan_space(s);
    if (result == RELP_READ)
        result = scan_command(s, header);
    if (result != RELP_READ)
        return result;
    *ret_fault = RELP_FAULT_LENGTH;
    return scan_length(s, header);
}

enum relp_result relp_parse_header(const unsigned char *bytes, size_t len,
                                   struct relp_header *ret_header, enum relp_fault *ret_fault)
{
    struct scan scan = {.bytes = bytes, .len = len};
    struct relp_header header = {.command = RELP_COMMAND_OTHER};
    enum relp_fault fault;
    enum relp_result result = scan_header(&scan, &header, &fault);

    if (result == RELP_READ) {
        header.header_bytes = (uint32_t)scan.at;
        *ret_header = header;
    } else if (result == RELP_MALFORMED) {
        *ret_fault = fault;
    }
    return result;
}

/* --- the reader --- */

void relp_begin(struct relp_reader *r, struct relp_state *state, const unsigned char *bytes,
                size_t len)
{
    *r = (struct relp_reader){
        .state = state, .at = bytes, .end = bytes + len, .fault = RELP_FAULT_NONE,
    };
}

static enum relp_result refuse(struct relp_reader *r, enum relp_fault fault)
{
    *r->state = (struct relp_state){.phase = PHASE_MALFORMED, .fault = (uint8_t)fault};
    r->fault = fault;
    return RELP_MALFORMED;
}

/* Leave the header behind; what follows belongs to its frame. */
static enum relp_result open_frame(struct relp_reader *r)
{
    struct relp_header header = {0};
    enum relp_fault fault = RELP_FAULT_NONE;
    enum relp_result result =
        relp_parse_header(r->at, (size_t)(r->end - r->at), &header, &fault);

    if (result == RELP_MALFORMED)
        return refuse(r, fault);
    if (result == RELP_NEED_MORE)
        return result;
    r->at += header.header_bytes;
    *r->state = (struct relp_state){
        .txnr = header.txnr,
        .data_bytes = header.data_bytes,
        .left = header.data_bytes,
        .command = (uint8_t)header.command,
        .phase = header.data_bytes > 0 ? PHASE_DATA : PHASE_END,
    };
    return RELP_READ;
}

/* As much of the data as there is. */
static void take_data(struct relp_reader *r, struct relp_piece *piece)
{
    size_t avail = (size_t)(r->end - r->at);

    piece->data = r->at;
    piece->len = r->state->left < avail ? r->state->left : (uint32_t)avail;
    r->at += piece->len;
    r->state->left -= piece->len;
    if (r->state->left == 0)
        r->state->phase = PHASE_END;
}

/* The LF, if it is there. Answers: may the stream go on? */
static bool take_end(struct relp_reader *r, struct relp_piece *piece)
{
    if (r->state->phase != PHASE_END || r->at == r->end)
        return true;
    if (*r->at != '\n')
        return false;
    r->at++;
    piece->last = true;
    *r->state = (struct relp_state){.phase = PHASE_HEADER};
    return true;
}

enum relp_result relp_next(struct relp_reader *r, struct relp_piece *ret_piece)
{
    const struct relp_state *s = r->state;
    bool first = s->phase == PHASE_HEADER;

    if (s->phase == PHASE_MALFORMED)
        return refuse(r, (enum relp_fault)s->fault);
    if (first) {
        enum relp_result result = open_frame(r);
        if (result != RELP_READ)
            return result;
    } else if (r->at == r->end) {
        return RELP_NEED_MORE;
    }
    struct relp_piece piece = {
        .data = r->at,
        .txnr = s->txnr,
        .data_bytes = s->data_bytes,
        .command = (enum relp_command)s->command,
        .first = first,
    };
    take_data(r, &piece);
    if (!take_end(r, &piece))
        return refuse(r, RELP_FAULT_END);
    *ret_piece = piece;
    return RELP_READ;
}

/* Nothing is carried but the beginning of a header. */
bool relp_state_valid(const struct relp_state *state, size_t carry)
{
    bool named = state->txnr > 0 || state->data_bytes > 0 || state->command > 0;
    bool faulty = state->fault > RELP_FAULT_NONE && state->fault <= RELP_FAULT_END;

    if (state->phase >= PHASE_COUNT || state->reserved != 0)
        return false;
    if (state->txnr > RELP_MAX_TXNR || state->data_bytes > RELP_MAX_DATA_BYTES ||
        state->command >= COUNT_OF(names) || state->left > state->data_bytes)
        return false;
    if ((state->left > 0) != (state->phase == PHASE_DATA))
        return false;
    if (state->phase == PHASE_MALFORMED)
        return faulty && !named;
    if (state->fault != RELP_FAULT_NONE)
        return false;
    if (state->phase == PHASE_HEADER)
        return !named && carry < RELP_MAX_HEADER_BYTES;
    return carry == 0;
}

bool relp_state_open(const struct relp_state *state, size_t carry)
{
    return carry > 0 || state->phase == PHASE_DATA || state->phase == PHASE_END;
}

/* --- writing, and answers --- */

uint32_t relp_txnr_after(uint32_t txnr)
{
    return txnr >= RELP_MAX_TXNR ? 1 : txnr + 1;
}

size_t relp_write_header(char *dst, uint32_t txnr, enum relp_command command, uint32_t data_bytes)
{
    size_t name_len = strlen(names[command]), n = 0;

    assert(txnr <= RELP_MAX_TXNR && data_bytes <= RELP_MAX_DATA_BYTES && name_len > 0);
    n += number_format(dst + n, txnr);
    dst[n++] = ' ';
    memcpy(dst + n, names[command], name_len);
    n += name_len;
    dst[n++] = ' ';
    n += number_format(dst + n, data_bytes);
    if (data_bytes > 0)
        dst[n++] = ' ';
    return n;
}

bool relp_parse_answer(const unsigned char *data, size_t len, struct relp_answer *ret_answer)
{
    size_t at = 3;

    if (len < at || !is_digit(data[0]) || !is_digit(data[1]) || !is_digit(data[2]))
        return false;
    if (len > at && data[at] != ' ' && data[at] != '\n')
        return false;
    if (len > at && data[at] == ' ')
        at++;
    const unsigned char *lf = len > at ? memchr(data + at, '\n', len - at) : NULL;
    *ret_answer = (struct relp_answer){
        .code = (unsigned)(data[0] - '0') * 100 + (unsigned)(data[1] - '0') * 10 +
                (unsigned)(data[2] - '0'),
        .text = (const char *)data + at,
        .text_len = lf != NULL ? (size_t)(lf - data) - at : len - at,
    };
    return true;
}
