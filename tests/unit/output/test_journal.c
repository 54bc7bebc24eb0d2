/* SPDX-License-Identifier: MIT
 *
 * The journal output, against a socket that is read when the test likes: what is in a
 * datagram, and where delivery goes on after the socket was full.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/output/output.h"
#include "support/intake.h"

#define DATAGRAM_BYTES 262144u
#define LONGEST 65536u

/* A journal, an output that writes to it, and a batch. */
struct bench {
    int journal;
    struct output_settings settings;
    struct output_health health;
    struct output *output;
    struct label_settings label;
    _Atomic uint32_t cursor, working;
    struct batch batch;
    char texts[BATCH_RECORDS][16];
    char datagram[DATAGRAM_BYTES];
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    assert_non_null(b);
    (void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/peerlog-journal-%d", scratch_directory(),
                   (int)getpid());
    (void)unlink(sa.sun_path); /* of a test that died */
    b->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(b->journal, (struct sockaddr *)&sa, sizeof sa), 0);
    b->settings.type = OUTPUT_JOURNAL;
    memcpy(b->settings.path, sa.sun_path, sizeof sa.sun_path);
    assert_int_equal(output_new(&b->settings, LONGEST, &b->health, 1, &b->output), 0);
    memcpy(b->label.tag, "test", 5);
    b->batch.cursor = &b->cursor;
    b->batch.working = &b->working;
    b->batch.sources[0] = (struct source){.label = &b->label, .listener = "127.0.0.1:1"};
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    output_free(b->output);
    (void)unlink(b->settings.path);
    (void)close(b->journal);
    free(b);
    return 0;
}

/* COUNT records; the text of each is its number. */
static void fill(struct bench *b, uint32_t count)
{
    b->batch.count = count;
    b->batch.submitted = b->batch.delivered = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct record *record = &b->batch.records[i];
        int len = snprintf(b->texts[i], sizeof b->texts[i], "number %u", i);

        *record = (struct record){.text = (const unsigned char *)b->texts[i],
                                  .len = (uint32_t)len, .sequence = i + 1};
    }
}

/* The next datagram, or what its memory file holds. Returns: its length, 0 when none waits. */
static size_t receive(struct bench *b)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {b->datagram, sizeof b->datagram};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(b->journal, &message, MSG_CMSG_CLOEXEC);
    int fd;

    if (n < 0 || message.msg_controllen == 0)
        return n < 0 ? 0 : (size_t)n;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    n = pread(fd, b->datagram, sizeof b->datagram, 0);
    (void)close(fd);
    return (size_t)n;
}

/* The next datagram is one whole entry, and its text is that of this record. */
static void expect(struct bench *b, uint32_t i)
{
    const struct record *record = &b->batch.records[i];
    size_t len = receive(b), end = record->len + 1;
    uint64_t said;

    assert_true(len > end + 16);
    assert_memory_equal(b->datagram, "PRIORITY=", 9);
    assert_memory_equal(b->datagram + len - end - 16, "MESSAGE\n", 8);
    memcpy(&said, b->datagram + len - end - 8, sizeof said);
    assert_int_equal(said, record->len);
    assert_memory_equal(b->datagram + len - end, record->text, record->len);
    assert_int_equal(b->datagram[len - 1], '\n');
    assert_null(memmem(b->datagram, len - end - 16, "\n\n", 2));
    assert_null(memmem(b->datagram, len - end - 16, "MESSAGE", 7));
}

static void puts_one_entry_into_a_datagram(void **state)
{
    struct bench *b = *state;

    fill(b, 3);
    assert_int_equal(output_push(b->output, &b->batch), OUTPUT_READY);
    for (uint32_t i = 0; i < 3; i++)
        expect(b, i);
    assert_int_equal(receive(b), 0);
    assert_int_equal(b->cursor, 3);
}

/* The value of a field of this name, any byte or not. Returns: its length; -1: there is none. */
static int field_of(const struct bench *b, size_t len, const char *name, const char **ret_value)
{
    const char *at = b->datagram, *end = b->datagram + len;
    size_t name_len = strlen(name);

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *value = equals != NULL ? equals + 1 : stop + 9;
        uint64_t size = (uint64_t)(stop - value);
        if (equals == NULL)
            memcpy(&size, stop + 1, sizeof size);
        *ret_value = value;
        if (strncmp(at, name, name_len) == 0 && (at[name_len] == '=' || at[name_len] == '\n'))
            return (int)size;
        at = value + size + 1;
    }
    return -1;
}

static void shows_the_peer_and_marks_before_the_text(void **state)
{
    static const struct {
        bool show_peer;
        uint32_t flags;
        const char *text, *wanted;
        bool raw;
    } rows[] = {
        {true, 0, "hello", "192.0.2.7:5 hello", false},
        {true, FRAME_SPLIT, "a\nb", "192.0.2.7:5 [part 1] a\nb", false},
        {true, 0, "[part 1] x", "192.0.2.7:5 \\x5bpart 1] x", true},
        {false, FRAME_SPLIT, "[part 1] x", "[part 1] x", false},
        {false, 0, "a\x01", "a\\x01", true},
    };
    struct bench *b = *state;
    const char *value;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fill(b, 1);
        b->label.show_peer = rows[i].show_peer;
        b->batch.sources[0].peer_len =
            (uint8_t)strlen(strcpy(b->batch.sources[0].peer_text, "192.0.2.7:5"));
        b->batch.records[0].text = (const unsigned char *)rows[i].text;
        b->batch.records[0].len = (uint32_t)strlen(rows[i].text);
        b->batch.records[0].flags = rows[i].flags;
        b->batch.records[0].part = 1;
        assert_int_equal(output_push(b->output, &b->batch), OUTPUT_READY);
        size_t len = receive(b);
        assert_int_equal(field_of(b, len, "MESSAGE", &value), strlen(rows[i].wanted));
        assert_memory_equal(value, rows[i].wanted, strlen(rows[i].wanted));
        assert_int_equal(field_of(b, len, "PEER_RAW", &value),
                         rows[i].raw ? (int)strlen(rows[i].text) : -1);
    }
}

/* The socket is full after a few, again and again, and then is read a little. */
static void goes_on_from_the_first_entry_that_was_not_taken(void **state)
{
    struct bench *b = *state;
    uint32_t seen = 0, portion = 1, waits = 0;

    fill(b, BATCH_RECORDS);
    while (output_push(b->output, &b->batch) == OUTPUT_WAITS) {
        assert_true(b->batch.delivered > seen && b->batch.delivered < BATCH_RECORDS);
        assert_int_equal(b->cursor, b->batch.delivered);
        for (uint32_t i = 0; i < portion && seen < b->batch.delivered; i++)
            expect(b, seen++);
        portion = portion % 7 + 1;
        waits++;
    }
    assert_true(waits > 0);
    assert_int_equal(b->batch.delivered, BATCH_RECORDS);
    while (seen < BATCH_RECORDS)
        expect(b, seen++);
    assert_int_equal(receive(b), 0);
}

/* It is found out by trying: the first time and, when that is known, every other time. */
static void sends_what_a_datagram_cannot_hold_as_a_file_in_its_turn(void **state)
{
    struct bench *b = *state;
    unsigned char *big = malloc(LONGEST);

    assert_non_null(big);
    memset(big, 'x', LONGEST);
    for (int round = 0; round < 2; round++) {
        fill(b, 5);
        for (uint32_t i = 1; i < 5; i += 2) {
            b->batch.records[i].text = big;
            b->batch.records[i].len = LONGEST;
        }
        assert_int_equal(output_ensure_open(b->output), 0);
        if (round == 0) { /* the kernel says how much: less than was believed */
            int size = 20000;
            assert_int_equal(setsockopt(b->output->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size),
                             0);
        }
        assert_int_equal(output_push(b->output, &b->batch), OUTPUT_READY);
        for (uint32_t i = 0; i < 5; i++)
            expect(b, i);
        assert_int_equal(receive(b), 0);
    }
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(puts_one_entry_into_a_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shows_the_peer_and_marks_before_the_text, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(goes_on_from_the_first_entry_that_was_not_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sends_what_a_datagram_cannot_hold_as_a_file_in_its_turn,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
