/* SPDX-License-Identifier: MIT
 *
 * proc(5): the listening socket's inode from net/tcp and net/tcp6, and the process that
 * has it among its descriptors. Only read when a start has failed.
 */
#include "config.h"

#include "os/holder.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0a

/* The inode of the socket that listens on PORT, by this table; 0: none. */
static unsigned long inode_in(const char *table, uint16_t port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    while (file != NULL && found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local_port, state;
        unsigned long inode;
        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == STATE_LISTEN)
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
    for (struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
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

bool holder_of_port(uint16_t port, char *dst, size_t room)
{
    char socket_name[64];
    bool found = false;
    unsigned long inode = inode_in("/proc/net/tcp", port);

    if (inode == 0)
        inode = inode_in("/proc/net/tcp6", port);
    DIR *proc = inode != 0 ? opendir("/proc") : NULL;
    if (proc == NULL)
        return false;
    (void)snprintf(socket_name, sizeof socket_name, "socket:[%lu]", inode);
    for (struct dirent *entry; !found && (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        found = has_socket(entry->d_name, socket_name);
        if (found)
            describe(entry->d_name, dst, room);
    }
    (void)closedir(proc); /* it was only read */
    return found;
}
