/* SPDX-License-Identifier: MIT
 *
 * Fuzz RELP frames. The input is a stream; a second reading, which sees it at once, says
 * which frames are in it and where it goes wrong. Whole, byte by byte and cut at random it must
 * be read the same, a header must be judged once, and what is read must be written as well.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/relp.h"
#include "support/intake.h"
#include "support/relp_frames.h"

/* Random cuttings of one stream. */
#define TURNS 4u

/* The longest beginning of a stream that is tried as a header. */
#define BEGINNING 64u

/* --- the second reading --- */

/* How many bytes of TEXT belong to a class. */
static size_t span_of(struct span text, int (*is_one)(int))
{
    size_t n = 0;

    while (n < text.len && text.data[n] < 0x80 && is_one(text.data[n]))
        n++;
    return n;
}

static void skip(struct span *text, size_t len)
{
    text->data += len;
    text->len -= len;
}

/* A word of at most MOST bytes and one space; LF will do for a length of 0. */
enum word { WORD_OPEN, WORD_BAD, WORD_READ };

static enum word read_word(struct span *text, int (*is_one)(int), size_t most, char *ret_word)
{
    size_t n = span_of(*text, is_one);

    if (n > most)
        return WORD_BAD;
    if (n == text->len)
        return WORD_OPEN;
    if (n == 0)
        return WORD_BAD;
    memcpy(ret_word, text->data, n);
    ret_word[n] = '\0';
    skip(text, n);
    if (text->data[0] == '\n' && is_one == isdigit && strspn(ret_word, "0") == n)
        return WORD_READ;
    if (text->data[0] != ' ')
        return WORD_BAD;
    skip(text, 1);
    return WORD_READ;
}

static enum relp_command command_of(const char *name)
{
    if (strcmp(name, "open") == 0)
        return RELP_COMMAND_OPEN;
    if (strcmp(name, "close") == 0)
        return RELP_COMMAND_CLOSE;
    if (strcmp(name, "syslog") == 0)
        return RELP_COMMAND_SYSLOG;
    if (strcmp(name, "rsp") == 0)
        return RELP_COMMAND_RSP;
    return strcmp(name, "serverclose") == 0 ? RELP_COMMAND_SERVERCLOSE : RELP_COMMAND_OTHER;
}

/* Note what a word that was not read makes of the stream. */
static bool leave(struct bytes *out, enum word word, enum relp_fault fault)
{
    if (word == WORD_BAD)
        relp_note_fault(out, fault);
    else
        bytes_add_text(out, "...");
    return false;
}

/* A transaction number is followed by a space in any case. */
static enum word read_txnr(struct span *text, char *ret_word, enum relp_fault *ret_fault)
{
    size_t n = span_of(*text, isdigit);

    if (n > 0 && n <= RELP_MAX_DIGITS && n < text->len && text->data[n] != ' ') {
        *ret_fault = RELP_FAULT_COMMAND;
        return WORD_BAD;
    }
    *ret_fault = RELP_FAULT_TXNR;
    return read_word(text, isdigit, RELP_MAX_DIGITS, ret_word);
}

/* Note one frame. Answers: may another one follow? */
static bool read_frame(struct span *text, struct bytes *out)
{
    char txnr[RELP_MAX_DIGITS + 1], name[RELP_MAX_COMMAND_BYTES + 1], length[RELP_MAX_DIGITS + 1];
    enum relp_fault fault;
    enum word word = read_txnr(text, txnr, &fault);

    if (word != WORD_READ)
        return leave(out, word, fault);
    word = read_word(text, isalpha, RELP_MAX_COMMAND_BYTES, name);
    if (word != WORD_READ)
        return leave(out, word, RELP_FAULT_COMMAND);
    word = read_word(text, isdigit, RELP_MAX_DIGITS, length);
    if (word != WORD_READ)
        return leave(out, word, RELP_FAULT_LENGTH);
    size_t bytes = strtoul(length, NULL, 10);
    if (bytes >= text->len)
        return leave(out, WORD_OPEN, RELP_FAULT_NONE);
    if (text->data[bytes] != '\n')
        return leave(out, WORD_BAD, RELP_FAULT_END);
    relp_note_frame(out, (uint32_t)strtoul(txnr, NULL, 10), command_of(name),
                    (struct span){.data = text->data, .len = bytes});
    skip(text, bytes + 1);
    return text->len > 0;
}

static struct bytes second_reading(struct span stream)
{
    struct bytes out = {0};

    while (stream.len > 0 && read_frame(&stream, &out))
        continue;
    bytes_add(&out, "", 1);
    return out;
}

/* --- the comparison --- */

/* Read STREAM in steps of at most MOST bytes, random ones with a seed. */
static void compare(struct span stream, const struct bytes *wanted, size_t most, uint64_t *seed)
{
    struct relp_frames frames = {0};

    for (size_t at = 0; at < stream.len;) {
        size_t n = seed != NULL ? 1 + draw(seed, (unsigned)most) : most;
        n = n < stream.len - at ? n : stream.len - at;
        relp_frames_feed(&frames, stream.data + at, n);
        at += n;
    }
    relp_frames_end(&frames);
    if (frames.heard.len != wanted->len ||
        memcmp(frames.heard.data, wanted->data, wanted->len) != 0)
        (void)fprintf(stderr, "read:   %s\nwanted: %s\n", (const char *)frames.heard.data,
                      (const char *)wanted->data); /* the end follows anyway */
    require(frames.heard.len == wanted->len &&
                memcmp(frames.heard.data, wanted->data, wanted->len) == 0,
            "both readings agree");
    relp_frames_done(&frames);
}

/* What was read, written again, is read as the same. */
static void write_again(const struct relp_header *header)
{
    char text[RELP_MAX_HEADER_BYTES + 1];
    struct relp_header again = {0};
    enum relp_fault fault = RELP_FAULT_NONE;

    if (header->command == RELP_COMMAND_OTHER)
        return;
    size_t len = relp_write_header(text, header->txnr, header->command, header->data_bytes);
    require(len <= RELP_MAX_HEADER_BYTES, "a header is no longer than the longest");
    text[len] = '\n';
    require(relp_parse_header((unsigned char *)text, len + 1, &again, &fault) == RELP_READ,
            "a written header is one");
    require(again.txnr == header->txnr && again.command == header->command &&
                again.data_bytes == header->data_bytes && again.header_bytes == len,
            "a header is written as it was read");
}

/* A header is judged once, when the byte that decides has come. */
static void check_beginnings(struct span stream)
{
    enum relp_result before = RELP_NEED_MORE;
    struct relp_header first = {0};
    enum relp_fault first_fault = RELP_FAULT_NONE;

    for (size_t len = 0; len <= stream.len && len <= BEGINNING; len++) {
        unsigned char *exact = exact_copy(stream.data, len);
        struct relp_header header = first;
        enum relp_fault fault = first_fault;
        enum relp_result now = relp_parse_header(exact, len, &header, &fault);
        if (before == RELP_NEED_MORE) {
            first = header;
            first_fault = fault;
        }
        require(before == RELP_NEED_MORE || now == before, "a decision stands");
        require(memcmp(&first, &header, sizeof first) == 0 && fault == first_fault,
                "a header stays the same");
        require(now != RELP_NEED_MORE || len < RELP_MAX_HEADER_BYTES, "a header is bounded");
        if (now == RELP_READ && before != RELP_READ)
            write_again(&header);
        before = now;
        free(exact);
    }
}

static void check_answer(struct span data)
{
    unsigned char *exact = exact_copy(data.data, data.len);
    struct relp_answer answer = {0};

    if (relp_parse_answer(exact, data.len, &answer)) {
        require(answer.code <= 999, "a code has three digits");
        require(answer.text >= (char *)exact && answer.text_len <= data.len - 3 &&
                    answer.text + answer.text_len <= (char *)exact + data.len,
                "a text lies in its answer");
        require(answer.text_len == 0 || memchr(answer.text, '\n', answer.text_len) == NULL,
                "a text is one line");
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span stream = {.data = data, .len = size};
    struct bytes wanted = second_reading(stream);
    uint64_t seed = size;

    for (size_t i = 0; i < size; i++)
        seed = seed * 31 + data[i];
    compare(stream, &wanted, size > 0 ? size : 1, NULL);
    compare(stream, &wanted, 1, NULL);
    for (unsigned turn = 0; turn < TURNS; turn++)
        compare(stream, &wanted, 8u << (2 * turn), &seed);
    check_beginnings(stream);
    check_answer(stream);
    bytes_done(&wanted);
    return 0;
}
