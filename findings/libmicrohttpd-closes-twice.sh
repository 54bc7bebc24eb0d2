#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: MHD_start_daemon() of libmicrohttpd, when it cannot start, closes what it has
# opened, and errno tells why. 1.0.1 closes the listening socket twice when the port is in use, and
# when there is no thread to be had: errno is EBADF then instead of EADDRINUSE or EAGAIN. If another
# thread opens something in between, it may get that number, and the second close() is of what it
# has opened; errno is right then. 0.9.75 closes once; the ChangeLog of 1.0.2 has the repair.
#
# It matters to a program of many threads that starts its web server later than the rest, or tries
# again: on Debian 13 a connection or a file of another thread is closed, and nothing says so.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    local suite
    command -v gcc >/dev/null || cannot "there is no gcc"
    fetch bookworm libmicrohttpd-dev=0.9.75-6
    fetch trixie libmicrohttpd-dev=1.0.1-4
    for suite in bookworm trixie; do build $suite; done
}

# A start that fails. The library calls this program's close() and pthread_create(). With a second
# argument close() opens a file once it has closed, as another thread could at that moment.
build() { # SUITE
    mkdir "$WORK/include-$1"
    cp "$WORK/$1/usr/include/microhttpd.h" "$WORK/include-$1"
    gcc -x c -o "$WORK/start-$1" -I "$WORK/include-$1" - -x none \
        "$WORK/$1"/usr/lib/*/libmicrohttpd.so -Wl,--allow-shlib-undefined <<'END'
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool shared;
static int theirs = -1;

int close(int fd)
{
    int r = (int)syscall(SYS_close, fd);

    if (shared && theirs < 0) theirs = open("/dev/null", O_RDONLY);
    return r;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    (void)thread, (void)attr, (void)run, (void)arg;
    return EAGAIN;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    (void)cls, (void)connection, (void)url, (void)method, (void)version, (void)data;
    (void)size, (void)request;
    return MHD_NO;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int holder = socket(AF_INET, SOCK_STREAM, 0);

    shared = argc > 2;
    if (!strcmp(argv[1], "port")) {
        bind(holder, (struct sockaddr *)&address, sizeof address);
        listen(holder, 1);
    }
    if (MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 8080, NULL, NULL, answer, NULL,
                         MHD_OPTION_END))
        return puts("started") < 0;
    printf("%s", strerrorname_np(errno));
    if (shared) printf(", %s", fcntl(theirs, F_GETFD) < 0 ? "closed" : "open");
    return puts("") < 0;
}
END
}

# What errno is, and what became of the file of another thread.
fails() { # SUITE ERRNO-PORT ERRNO-THREAD FILE
    local start=(within "$1" "/tmp/start-$1")
    expect "$1: the port is in use" "$2" "$("${start[@]}" port)"
    expect "$1: with a file of another thread" "EADDRINUSE, $4" "$("${start[@]}" port other)"
    expect "$1: no thread can be made" "$3" "$("${start[@]}" thread)"
    expect "$1: with a file of another thread" "EAGAIN, $4" "$("${start[@]}" thread other)"
}

look() {
    fails bookworm EADDRINUSE EAGAIN open
    fails trixie EBADF EBADF closed
}

finding
