/* SPDX-License-Identifier: MIT
 *
 * Net: what the kernel tells of a stream, on connections over the loopback.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/net.h"
#include "support/in_range.h"

#define PATIENCE_MS 10000

/* Both ends of a connection. */
struct ends {
    int client;
    int server;
};

static void wait_for(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};

    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
}

static int set_up(void **state)
{
    static struct ends ends;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct peer address;
    struct peer peer;

    assert_int_equal(peer_parse("127.0.0.1", 0, &address), 0);
    int listener = net_listen(&address, 1);
    assert_true(listener >= 0);
    assert_int_equal(net_local_address(listener, &address), 0);
    sa.sin_port = htons(address.port);
    ends.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends.client, (struct sockaddr *)&sa, sizeof sa), 0);
    wait_for(listener, POLLIN);
    ends.server = net_accept(listener, &peer);
    assert_true(ends.server >= 0);
    (void)close(listener); /* it has done its work */
    *state = &ends;
    return 0;
}

static int tear_down(void **state)
{
    const struct ends *ends = *state;

    (void)close(ends->server); /* a test may have closed one */
    (void)close(ends->client);
    return 0;
}

static void expect(int fd, uint64_t taken, uint32_t unread)
{
    struct net_stream stream;

    assert_int_equal(net_stream_state(fd, &stream), 0);
    assert_int_equal(stream.taken, taken);
    assert_int_equal(stream.unread, unread);
    assert_true(stream.open);
}

static void tells_what_was_read_and_what_was_not(void **state)
{
    const struct ends *ends = *state;
    char bytes[4];

    expect(ends->server, 0, 0);
    assert_int_equal(send(ends->client, "0123456789", 10, 0), 10);
    wait_for(ends->server, POLLIN);
    expect(ends->server, 0, 10);
    assert_int_equal(recv(ends->server, bytes, sizeof bytes, 0), sizeof bytes);
    expect(ends->server, 4, 6);
}

static void does_not_count_the_end_as_a_byte(void **state)
{
    const struct ends *ends = *state;
    char bytes[4];

    assert_int_equal(send(ends->client, "0123456789", 10, 0), 10);
    assert_int_equal(shutdown(ends->client, SHUT_WR), 0);
    wait_for(ends->server, POLLRDHUP);
    expect(ends->server, 0, 10);
    assert_int_equal(recv(ends->server, bytes, sizeof bytes, 0), sizeof bytes);
    expect(ends->server, 4, 6);
}

static void tells_when_it_is_no_longer_open(void **state)
{
    struct ends *ends = *state;
    struct net_stream stream;

    assert_int_equal(send(ends->client, "0123456789", 10, 0), 10);
    net_abort(ends->client);
    ends->client = -1;
    wait_for(ends->server, POLLHUP);
    assert_int_equal(net_stream_state(ends->server, &stream), 0);
    assert_false(stream.open);
}

static void write_and_count(int fd, const char *text, uint64_t before)
{
    size_t len = strlen(text);
    uint64_t written = 0;

    assert_int_equal(net_send_whole(fd, text, len), 0);
    assert_int_equal(net_written(fd, &written), 0);
    assert_int_equal(written, before + len);
}

static void counts_what_was_written(void **state)
{
    const struct ends *ends = *state;
    const int later = 0;

    /* None of it is acknowledged when it is asked for the first time. */
    assert_int_equal(setsockopt(ends->client, IPPROTO_TCP, TCP_QUICKACK, &later, sizeof later), 0);
    write_and_count(ends->server, "first", 0);
    write_and_count(ends->server, "and more", 5);
    net_acknowledge_now(ends->client);
    write_and_count(ends->server, "and again", 13);
}

/* Read all that comes. Returns: how much that was, until the end or until nothing comes. */
static size_t read_away(int fd, size_t most)
{
    static char bytes[65536];
    size_t sum = 0;
    ssize_t n = 1;

    while (sum < most && n > 0) {
        n = recv(fd, bytes, sizeof bytes, 0);
        sum += n > 0 ? (size_t)n : 0;
    }
    return sum;
}

/* Write PART bytes at a time, or as many as there is room for, until there is no room. */
static void fill(const struct ends *ends, size_t part)
{
    static const char bytes[65536];
    size_t sum = 0, n = 1;

    while (n > 0) {
        size_t room = net_send_room(ends->server);
        n = room < part ? room : part;
        if (n > 0)
            assert_int_equal(net_send_whole(ends->server, bytes, n), 0);
        sum += n;
    }
    assert_true(sum > 0);
    assert_int_equal(read_away(ends->client, sum), sum);
}

static void what_there_is_room_for_goes_out_whole(void **state)
{
    fill(*state, 20);
    fill(*state, 65536);
    fill(*state, 700);
}

static void ends_behind_a_part(void **state)
{
    static const char much[8 << 20];
    const struct ends *ends = *state;
    char came[8];

    assert_int_equal(send(ends->client, "said", 4, 0), 4);
    wait_for(ends->server, POLLIN);
    assert_int_equal(net_send_whole(ends->server, much, sizeof much), -EPIPE);
    assert_int_equal(net_send_whole(ends->server, "more", 4), -EPIPE);
    assert_int_in_range(read_away(ends->client, sizeof much), 1, sizeof much - 1);
    assert_int_equal(recv(ends->server, came, sizeof came, 0), 4);
    assert_int_equal(recv(ends->server, came, sizeof came, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_was_read_and_what_was_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_count_the_end_as_a_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_when_it_is_no_longer_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_what_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_there_is_room_for_goes_out_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_behind_a_part, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
