/* SPDX-License-Identifier: MIT
 *
 * Net: what the kernel tells of a stream, on connections over the loopback.
 */
#include "config.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/net.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_was_read_and_what_was_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_count_the_end_as_a_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_when_it_is_no_longer_open, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
