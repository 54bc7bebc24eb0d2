/* SPDX-License-Identifier: MIT
 *
 * Own words: formatted into one buffer, written with one write, so that lines of
 * several threads never mix.
 */
#include "config.h"

#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 2048u

/* mem(4) */
#define NULL_MAJOR 1
#define NULL_MINOR 3

static const struct sockaddr_un journal_stream = {
    .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout",
};
static const struct sockaddr_un journal_socket = {
    .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket",
};

static struct {
    const char *program;
    atomic_int level;
    bool journal;     /* stderr is, or should be, a stream to the journal */
    atomic_bool lost; /* but it leads nowhere: the journal's own socket is used */
    int fd;       /* stderr, or what never waits in its place */
} self = {.program = "peerlogd", .level = SEVERITY_INFO, .fd = STDERR_FILENO};

/* Is stderr the stream that $JOURNAL_STREAM names ("DEVICE:INODE")? */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device = 0, inode = 0;
    struct stat st;

    if (stream == NULL || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
        return false;
    return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* Answers: can one connect to the journal as stderr is connected? */
static bool journal_listens(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = fd < 0 || connect(fd, (const struct sockaddr *)&journal_stream,
                                     sizeof journal_stream) == 0 || errno == EAGAIN;

    if (fd >= 0)
        (void)close(fd); /* nothing was said */
    return listens;
}

/*
 * A service manager that finds no journal gives us /dev/null for our whole life. So does one that
 * was told to; the journal is there then.
 */
static bool stderr_was_lost(void)
{
    struct stat st;

    if (getenv("NOTIFY_SOCKET") == NULL || fstat(STDERR_FILENO, &st) < 0 || !S_ISCHR(st.st_mode))
        return false;
    return st.st_rdev == makedev(NULL_MAJOR, NULL_MINOR) && !journal_listens();
}

/* A pipe or a terminal opened anew, so that ours alone does not block; or stderr itself. */
static int open_unblocking(void)
{
    struct stat st;
    int fd = -1;

    if (fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fd >= 0 ? fd : STDERR_FILENO;
}

void log_init(const char *program)
{
    self.program = program;
    atomic_store(&self.lost, stderr_was_lost());
    self.journal = atomic_load(&self.lost) || stderr_is_journal();
    self.fd = open_unblocking();
}

void log_set_level(enum severity highest_number)
{
    atomic_store_explicit(&self.level, (int)highest_number, memory_order_relaxed);
}

/*
 * As sd_journal_send(3), which would wait for a journal that is full; without a MESSAGE_ID if
 * that is NULL. Answers: was it taken?
 */
static bool send_entry(enum severity severity, const char *message_id, const char *text)
{
    char entry[LINE_BYTES + 256];

    int n = snprintf(entry, sizeof entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n%s%s%sMESSAGE=%s\n",
                     (int)severity, self.program, message_id != NULL ? "MESSAGE_ID=" : "",
                     message_id != NULL ? message_id : "", message_id != NULL ? "\n" : "", text);
    if (n < 0 || (size_t)n >= sizeof entry)
        return false;
    for (char *c = entry + n - 1 - strlen(text); c < entry + n - 1; c++)
        if (*c == '\n')
            *c = ' '; /* it would begin another field */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool taken = sendto(fd, entry, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
                        (const struct sockaddr *)&journal_socket, sizeof journal_socket) == n;
    (void)close(fd); /* a datagram is gone, or was never taken */
    return taken;
}

/* One line to stderr, "<N>" before it for the journal, our name for a person. */
static void write_line(enum severity severity, const char *text)
{
    char line[LINE_BYTES + 64];
    int n;

    if (self.journal)
        n = snprintf(line, sizeof line, "<%d>%s\n", (int)severity, text);
    else
        n = snprintf(line, sizeof line, "%s: %s\n", self.program, text);
    /* Whoever reads it may hang, as journald does at times: who logs must not hang with it. */
    if (n <= 0 || send(self.fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return;
    if (errno == ENOTSOCK)
        (void)!write(self.fd, line, (size_t)n); /* nobody is left to tell */
    else if (self.journal && (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN))
        atomic_store(&self.lost, true);
}

/* Say it by the way that leads somewhere. */
static void say(enum severity severity, const char *message_id, const char *text)
{
    if (!atomic_load(&self.lost) && (message_id == NULL || !self.journal ||
                                     !send_entry(severity, message_id, text)))
        write_line(severity, text);
    if (atomic_load(&self.lost))
        (void)send_entry(severity, message_id, text); /* nobody is left to tell */
}

static bool is_wanted(enum severity severity)
{
    return (int)severity <= atomic_load_explicit(&self.level, memory_order_relaxed);
}

void log_say(enum severity severity, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    if (!is_wanted(severity))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a longer line is cut */
    va_end(args);
    say(severity, NULL, text);
}

void log_event(enum severity severity, const char *message_id, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    if (!is_wanted(severity))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(severity, message_id, text);
}
