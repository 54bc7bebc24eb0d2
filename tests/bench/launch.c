/* SPDX-License-Identifier: MIT
 *
 * Launch: how long a daemon takes from its start until it can be connected to. It starts
 * the command, tries to connect without a pause, prints the nanoseconds until the
 * first success, and ends the daemon.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define LIMIT_NS (10 * NS_PER_S)
#define REST_NS (NS_PER_S / 50000)

extern char **environ;

static bool can_connect(const struct sockaddr_in *server)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die_errno("socket");
    bool yes = connect(fd, (const struct sockaddr *)server, sizeof *server) == 0;
    (void)close(fd); /* nothing was said */
    return yes;
}

/* Ask the daemon to end; insist when it does not. */
static void end_daemon(pid_t pid)
{
    uint64_t limit = now_ns() + LIMIT_NS;

    (void)kill(pid, SIGTERM); /* it is our child: it cannot be another */
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (now_ns() >= limit)
            (void)kill(pid, SIGKILL);
        sleep_until_ns(now_ns() + NS_PER_MS);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    pid_t pid;

    if (argc < 3)
        die("usage: launch PORT COMMAND [ARGUMENT]...");
    server.sin_port = htons((uint16_t)parse_number("port", argv[1], 1, UINT16_MAX));
    uint64_t began = now_ns(), ns = began;
    int error = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
    if (error != 0) {
        errno = error;
        die_errno(argv[2]);
    }
    while (!can_connect(&server)) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            die("%s has ended", argv[2]);
        if (ns >= began + LIMIT_NS)
            break;
        sleep_until_ns(ns + REST_NS);
        ns = now_ns();
    }
    ns = now_ns();
    end_daemon(pid);
    if (ns >= began + LIMIT_NS)
        die("%s does not listen on %s", argv[2], argv[1]);
    printf("%llu\n", (unsigned long long)(ns - began));
    return 0;
}
