/* SPDX-License-Identifier: MIT
 *
 * Parking, with a manager of two lines: what is parked is found again, twice if need be, by
 * its cookie; lots of the dead are dropped, and what lives in a lot of the dead moves.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ledger/ledger.h"
#include "daemon/parking/parking.h"
#include "os/net.h"
#include "support/intake.h"

#define SOCKETS 300
#define KEPT 16

/* --- the manager --- */

static struct {
    int socket;
    char directory[80]; /* leaves room in a socket's path for a name */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct {
        char name[32];
        int fd;
    } kept[KEPT];
    unsigned count;
} manager;

static int manager_begin(void **state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    (void)state;
    (void)snprintf(manager.directory, sizeof manager.directory, "%s/peerlog-XXXXXX",
                   scratch_directory());
    if (mkdtemp(manager.directory) == NULL)
        return -1;
    (void)snprintf(manager.path, sizeof manager.path, "%s/notify", manager.directory);
    (void)strcpy(sa.sun_path, manager.path);
    manager.count = 0;
    manager.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return setenv("NOTIFY_SOCKET", manager.path, 1) +
           bind(manager.socket, (struct sockaddr *)&sa, sizeof sa);
}

static int manager_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < manager.count; i++)
        (void)close(manager.kept[i].fd); /* nobody wants it any more */
    (void)close(manager.socket);
    (void)unsetenv("NOTIFY_SOCKET");
    return unlink(manager.path) + rmdir(manager.directory);
}

static void forget(const char *name)
{
    for (unsigned i = 0; i < manager.count; i++)
        if (strcmp(manager.kept[i].name, name) == 0) {
            (void)close(manager.kept[i].fd); /* as asked for */
            manager.kept[i] = manager.kept[--manager.count];
            return;
        }
    fail_msg("%s was never kept", name);
}

/* Take one message. Returns: was there one? */
static bool hear(void)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char text[256], *name;
    struct iovec iov = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(manager.socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return false;
    text[n] = '\0';
    name = strstr(text, "FDNAME=");
    assert_non_null(name);
    name += strlen("FDNAME=");
    name[strcspn(name, "\n")] = '\0';
    if (strstr(text, "FDSTOREREMOVE=1") != NULL) {
        forget(name);
    } else {
        assert_non_null(CMSG_FIRSTHDR(&message));
        assert_true(manager.count < KEPT);
        memcpy(&manager.kept[manager.count].fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
        (void)snprintf(manager.kept[manager.count++].name, 32, "%s", name);
    }
    return true;
}

static void hear_all(void)
{
    while (hear())
        continue;
}

/* --- sockets --- */

struct parked {
    int fd;
    uint64_t cookie;
    uint16_t lot;
    unsigned found;
    bool alive;
};

static struct parked sockets[SOCKETS];

static void park_all(struct parking *parking)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        (void)close(pair[1]); /* one end is enough */
        sockets[i] = (struct parked){.fd = pair[0], .cookie = net_cookie(pair[0]), .alive = true};
        assert_true(sockets[i].cookie != 0);
        assert_int_equal(parking_park(parking, sockets[i].fd, &sockets[i].lot), 0);
    }
    hear_all();
}

static void close_all(void)
{
    for (unsigned i = 0; i < SOCKETS; i++)
        (void)close(sockets[i].fd); /* nothing was sent */
}

static struct parked *find(int fd)
{
    uint64_t cookie = net_cookie(fd);

    for (unsigned i = 0; i < SOCKETS; i++)
        if (sockets[i].cookie == cookie)
            return &sockets[i];
    fail_msg("a socket that nobody parked");
    return NULL;
}

static bool found(void *context, int fd, uint16_t lot, bool keep)
{
    struct parked *parked = find(fd);

    (void)context;
    assert_true(keep);
    (void)close(fd); /* a copy */
    parked->found++;
    parked->lot = lot;
    return parked->alive;
}

/* The next process: everything kept is inherited, without anything being taken out. */
static unsigned inherit(struct parking *parking)
{
    unsigned all = 0;

    for (unsigned i = 0; i < manager.count; i++) {
        int n = parking_inherit(parking, dup(manager.kept[i].fd), manager.kept[i].name, found,
                                NULL);
        assert_true(n > 0);
        all += (unsigned)n;
    }
    return all;
}

static bool move(void *context, int fd, uint16_t from, uint16_t to)
{
    struct parked *parked = find(fd);

    (void)context;
    if (!parked->alive || parked->lot != from)
        return false;
    if (to != LOT_NONE)
        parked->lot = to;
    return true;
}

/* --- tests --- */

static void parks_nothing_without_a_manager(void **state)
{
    struct parking *parking;
    uint16_t lot = 5;

    (void)state;
    assert_int_equal(parking_new(false, &parking), 0);
    assert_false(parking_available(parking));
    assert_int_equal(parking_park(parking, 0, &lot), -ENOTCONN);
    assert_int_equal(lot, 5);
    assert_null(parking_free(parking));
}

static void finds_every_socket_again_and_again(void **state)
{
    struct parking *parking, *heir;

    (void)state;
    assert_int_equal(parking_new(true, &parking), 0);
    park_all(parking);
    assert_true(manager.count >= 2); /* one lot does not hold so many */
    assert_null(parking_free(parking));
    for (unsigned times = 1; times <= 2; times++) {
        assert_int_equal(parking_new(true, &heir), 0);
        assert_int_equal(inherit(heir), SOCKETS);
        for (unsigned i = 0; i < SOCKETS; i++)
            assert_int_equal(sockets[i].found, times);
        assert_null(parking_free(heir));
    }
    close_all();
}

static void drops_lots_of_the_dead(void **state)
{
    struct parking *parking;

    (void)state;
    assert_int_equal(parking_new(true, &parking), 0);
    park_all(parking);
    unsigned before = manager.count;
    for (unsigned i = 0; i < SOCKETS; i++)
        parking_leave(parking, sockets[i].lot);
    assert_true(parking_wants_sweep(parking));
    assert_false(parking_sweep(parking, move, NULL));
    assert_false(parking_wants_sweep(parking));
    hear_all();
    assert_true(manager.count < before);
    assert_true(manager.count <= 1); /* the one being filled */
    assert_null(parking_free(parking));
    close_all();
}

static void moves_what_lives_among_the_dead(void **state)
{
    struct parking *parking, *heir;
    uint16_t first;

    (void)state;
    assert_int_equal(parking_new(true, &parking), 0);
    park_all(parking);
    first = sockets[0].lot;
    for (unsigned i = 3; i < SOCKETS; i++) {
        if (sockets[i].lot != first)
            continue;
        sockets[i].alive = false;
        parking_leave(parking, first);
    }
    assert_false(parking_sweep(parking, move, NULL));
    hear_all();
    for (unsigned i = 0; i < 3; i++)
        assert_int_not_equal(sockets[i].lot, first);
    assert_null(parking_free(parking));
    /* The dead were left behind: what is found now lives, each once. */
    assert_int_equal(parking_new(true, &heir), 0);
    (void)inherit(heir);
    for (unsigned i = 0; i < SOCKETS; i++)
        assert_int_equal(sockets[i].found, sockets[i].alive ? 1 : 0);
    assert_null(parking_free(heir));
    close_all();
}

static void refuses_what_is_no_lot(void **state)
{
    struct parking *parking;
    int fd = dup(STDERR_FILENO);

    (void)state;
    assert_int_equal(parking_new(true, &parking), 0);
    assert_true(parking_inherit(parking, fd, "lot-1", found, NULL) < 0);
    assert_int_equal(parking_inherit(parking, fd, "lottery", found, NULL), -EINVAL);
    (void)close(fd); /* still ours */
    assert_null(parking_free(parking));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parks_nothing_without_a_manager),
        cmocka_unit_test_setup_teardown(finds_every_socket_again_and_again, manager_begin,
                                        manager_end),
        cmocka_unit_test_setup_teardown(drops_lots_of_the_dead, manager_begin, manager_end),
        cmocka_unit_test_setup_teardown(moves_what_lives_among_the_dead, manager_begin,
                                        manager_end),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_lot, manager_begin, manager_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
