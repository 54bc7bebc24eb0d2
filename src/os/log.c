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
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 2048u

static struct {
    const char *program;
    atomic_int level;
    bool journal; /* stderr is a stream to the journal */
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
    self.journal = stderr_is_journal();
    self.fd = open_unblocking();
}

void log_set_level(enum severity highest_number)
{
    atomic_store_explicit(&self.level, (int)highest_number, memory_order_relaxed);
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
    if (n > 0 && (send(self.fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
                  errno != ENOTSOCK))
        return;
    if (n > 0)
        (void)!write(self.fd, line, (size_t)n); /* there is no other place to say it */
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
    write_line(severity, text);
}

/* As sd_journal_send(3), which would wait for a journal that is full. Answers: was it taken? */
static bool send_event(enum severity severity, const char *message_id, char *text)
{
    static const struct sockaddr_un journal = {
        .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket",
    };
    char entry[LINE_BYTES + 256];

    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' '; /* it would begin another field */
    int n = snprintf(entry, sizeof entry,
                     "MESSAGE=%s\nPRIORITY=%d\nMESSAGE_ID=%s\nSYSLOG_IDENTIFIER=%s\n", text,
                     (int)severity, message_id, self.program);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool taken = n > 0 && (size_t)n < sizeof entry &&
                 sendto(fd, entry, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
                        (const struct sockaddr *)&journal, sizeof journal) == n;
    (void)close(fd); /* a datagram is gone, or was never taken */
    return taken;
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
    if (self.journal && send_event(severity, message_id, text))
        return;
    write_line(severity, text);
}
