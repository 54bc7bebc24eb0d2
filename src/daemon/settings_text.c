/* SPDX-License-Identifier: MIT
 *
 * A NUL means another kind of file (or UTF-16), where nothing else is worth saying. Another
 * encoding is most often found in comments, and the rest can still be judged.
 */
#include "config.h"

#include "daemon/settings_text.h"

#include <stdint.h>
#include <string.h>

#include "peerlog/limits.h"
#include "peerlog/utf8.h"

/* Note a line that is not UTF-8, once, whatever else it holds. */
static void check_line(const char *text, size_t len, unsigned line, struct faults *faults)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t point;

    for (size_t i = 0; i < len;) {
        size_t n = bytes[i] < 0x80 ? 1 : utf8_decode(bytes + i, len - i, &point);
        if (n == 0) {
            faults_add(faults, line, "", "the byte \\x%02x is not UTF-8; wanted: text in UTF-8",
                       bytes[i]);
            return;
        }
        i += n;
    }
}

bool settings_check_text(const char *text, size_t len, struct faults *faults)
{
    const char *end = text + len;
    unsigned line = 1;

    if (len > PEERLOG_MAX_SETTINGS_BYTES) {
        faults_add(faults, line, "", "the file has %zu bytes; at most %u are allowed", len,
                   PEERLOG_MAX_SETTINGS_BYTES);
        return false;
    }
    for (const char *at = text; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = (size_t)((newline != NULL ? newline : end) - at);
        if (memchr(at, '\0', line_len) != NULL) {
            faults_add(faults, line, "", "there is a NUL byte; wanted: plain text in UTF-8");
            return false;
        }
        check_line(at, line_len, line, faults);
        at += line_len + (newline != NULL ? 1 : 0);
    }
    return true;
}
