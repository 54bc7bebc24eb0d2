/* SPDX-License-Identifier: MIT
 *
 * A NUL means another kind of file (or UTF-16), where nothing else is worth saying. Another
 * encoding is most often found in comments, and the rest can still be judged.
 */
#include "config.h"

#include "daemon/settings/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Read all of FD into memory: it may grow while we read, or be no plain file. */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
    size_t room = PEERLOG_MAX_SETTINGS_BYTES + 1, len = 0;
    char *text = malloc(room + 1);

    if (text == NULL)
        return -ENOMEM;
    while (len < room) {
        ssize_t n = read(fd, text + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int r = -errno;
            free(text);
            return r;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len == room) {
        free(text);
        return -EFBIG;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

int settings_read_file(const char *path, bool again, char **ret_text, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (again ? O_NONBLOCK : 0));
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (again && fstat(fd, &st) < 0)
        r = -errno;
    else if (again && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        r = -ESPIPE;
    if (r == 0)
        r = read_all(fd, ret_text, ret_len);
    (void)close(fd); /* nothing was written */
    return r;
}

const char *settings_describe_failure(int error)
{
    switch (error) {
    case -EFBIG:
        return "it is larger than 1 MiB, which is the most";
    case -ESPIPE:
        return "it is a pipe, which cannot be read again";
    default:
        return strerror(-error);
    }
}
