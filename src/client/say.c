/* SPDX-License-Identifier: MIT
 *
 * Say: format, escape, and write at once, so that lines of several programs do not mix.
 */
#include "config.h"

#include "client/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peerlog/escape.h"

void say(const char *format, ...)
{
    static const char prefix[] = "peerlog: ";
    char raw[SAY_LINE_BYTES];
    char line[sizeof prefix + sizeof raw * ESCAPE_MAX_GROWTH];
    size_t len = sizeof prefix - 1, taken;
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    size_t have = (size_t)wanted < sizeof raw ? (size_t)wanted : sizeof raw - 1;
    memcpy(line, prefix, len);
    len += escape_write(line + len, sizeof line - len - 1, (const unsigned char *)raw, have,
                        ESCAPE_LF, &taken);
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* where else could a failure be told */
}
