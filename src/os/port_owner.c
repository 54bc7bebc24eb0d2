/* SPDX-License-Identifier: MIT
 *
 * proc(5): the listening socket's inode from net/tcp and net/tcp6, and the process that
 * has it among its descriptors. Only read when a start has failed.
 */
#include "config.h"

#include "os/port_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0a

/* An address of the tables: groups of 8 digits, each a 32-bit word in the host's order. */
static void read_address(const char *digits, struct peer *ret_address)
{
    ret_address->family = strlen(digits) > 8 ? PEER_IPV6 : PEER_IPV4;
    for (size_t i = 0; digits[8 * i] != '\0' && i < 4; i++) {
        char group[9] = "";
        memcpy(group, digits + 8 * i, 8);
        uint32_t word = (uint32_t)strtoul(group, NULL, 16);
        memcpy(ret_address->address + 4 * i, &word, sizeof word);
    }
}

/* Does a socket bound to BOUND keep others from ADDRESS? The ports are the same. */
static bool is_in_the_way(const struct peer *bound, const struct peer *address)
{
    static const unsigned char any[16], mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (memcmp(bound->address, any, sizeof any) == 0 ||
        memcmp(address->address, any, sizeof any) == 0)
        return true;
    if (bound->family == PEER_IPV6 && address->family == PEER_IPV4)
        return memcmp(bound->address, mapped, 12) == 0 &&
               memcmp(bound->address + 12, address->address, 4) == 0;
    return bound->family == address->family &&
           memcmp(bound->address, address->address, sizeof any) == 0;
}

/* The inode of the socket that listens on ADDRESS, by this table; 0: none. */
static unsigned long inode_in(const char *table, const struct peer *address)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    while (file != NULL && found == 0 && fgets(line, sizeof line, file) != NULL) {
        char digits[33];
        struct peer bound = {.family = PEER_UNKNOWN};
        unsigned port, state;
        unsigned long inode;
        if (sscanf(line, "%*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   digits, &port, &state, &inode) != 4 ||
            port != address->port || state != STATE_LISTEN || strlen(digits) % 8 != 0)
            continue;
        read_address(digits, &bound);
        if (is_in_the_way(&bound, address))
            found = inode;
    }
    if (file != NULL)
        (void)fclose(file); /* it was only read */
    return found;
}

/* Has process PID a descriptor of this socket? */
static bool has_socket(const char *pid, const char *socket_name)
{
    char path[300], target[64];
    bool found = false;

    (void)snprintf(path, sizeof path, "/proc/%s/fd", pid); /* cut: not found, that is all */
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
        /* It was opened, so it has a descriptor. */
        /* NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions) */
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        found = strcmp(target, socket_name) == 0;
    }
    (void)closedir(dir); /* it was only read */
    return found;
}

static void describe(const char *pid, char *dst, size_t room)
{
    char path[300], name[64] = "a process";

    (void)snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) != NULL)
            name[strcspn(name, "\n")] = '\0';
        (void)fclose(file); /* it was only read */
    }
    for (char *c = name; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* a process names itself as it likes */
    (void)snprintf(dst, room, "%s (process %s)", name, pid); /* cut is good enough */
}

bool port_owner_of(const struct peer *address, char *dst, size_t room)
{
    char socket_name[64];
    bool found = false;
    unsigned long inode = inode_in("/proc/net/tcp", address);

    if (inode == 0)
        inode = inode_in("/proc/net/tcp6", address);
    DIR *proc = inode != 0 ? opendir("/proc") : NULL;
    if (proc == NULL)
        return false;
    (void)snprintf(socket_name, sizeof socket_name, "socket:[%lu]", inode);
    for (const struct dirent *entry; !found && (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        found = has_socket(entry->d_name, socket_name);
        if (found)
            describe(entry->d_name, dst, room);
    }
    (void)closedir(proc); /* it was only read */
    return found;
}
