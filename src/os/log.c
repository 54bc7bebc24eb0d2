/* SPDX-License-Identifier: MIT
 *
 * Own words: formatted into one buffer, written with one write, so that lines of
 * several threads never mix.
 */
#include "config.h"

#include "os/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define LINE_BYTES 2048u

static struct {
    const char *program;
    atomic_int level;
    bool journal; /* stderr is a stream to the journal */
} self = {.program = "peerlogd", .level = SEVERITY_INFO};

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

void log_init(const char *program)
{
    self.program = program;
    self.journal = stderr_is_journal();
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
    if (n > 0)
        (void)!write(STDERR_FILENO, line, (size_t)n); /* nobody is left to tell */
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

void log_event(enum severity severity, const char *message_id, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    if (!is_wanted(severity))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (self.journal &&
        sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", (int)severity, "MESSAGE_ID=%s",
                        message_id, "SYSLOG_IDENTIFIER=%s", self.program, NULL) == 0 &&
        access("/run/systemd/journal/socket", F_OK) == 0)
        return;
    write_line(severity, text);
}
