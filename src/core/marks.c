/* SPDX-License-Identifier: MIT
 *
 * Marks, as a table. A new one that an output writes needs a row here.
 */
#include "config.h"

#include "peerlog/marks.h"

#include "peerlog/count.h"

/* "#" stands for digits, at least one. */
static const char *const marks[] = {
    "[repeat?]",
    "[part #]",
    "[part #, last]",
    "[piece #]",
    "[piece #, last]",
    "[truncated, # bytes cut]",
    "[incomplete, # of # bytes]",
    "[count # too short]",
    "[count # too long]",
    "[count too short]",
    "[cut]",
    "[unfinished]",
    "[continued]",
    "[count # too short]",
    "[count # too long]",
    "[count too short]",
};

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Does TEXT begin with this mark, and does nothing but a space follow? */
static bool begins_with(const unsigned char *text, size_t len, const char *mark)
{
    size_t at = 0;

    for (; *mark != '\0'; mark++) {
        if (at == len || (*mark == '#' ? !is_digit(text[at]) : text[at] != (unsigned char)*mark))
            return false;
        at++;
        while (*mark == '#' && at < len && is_digit(text[at]))
            at++;
    }
    return at == len || text[at] == ' ';
}

bool marks_match(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (begins_with(text, len, marks[i]))
            return true;
    return false;
}
