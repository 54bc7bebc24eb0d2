/* SPDX-License-Identifier: MIT
 *
 * Faults: a list of lines. Memory that runs out is remembered and reported at the
 * end, so that those who find faults need not care.
 */
#include "config.h"

#include "daemon/settings/faults.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peerlog/escape.h"
#include "peerlog/limits.h"

struct fault {
    unsigned line;
    size_t number; /* in the order of finding, which sorting keeps */
    char *text;    /* owned */
};

/* Room for one more fault; false when there is none. */
static bool faults_grow(struct faults *faults)
{
    if (faults->count < faults->room)
        return true;
    size_t room = faults->room == 0 ? 16 : faults->room * 2;
    struct fault *list = reallocarray(faults->list, room, sizeof *list);
    if (list == NULL)
        return false;
    faults->list = list;
    faults->room = room;
    return true;
}

/* Keep TEXT, which is owned from here on. */
static void faults_keep(struct faults *faults, unsigned line, char *text)
{
    if (text == NULL || !faults_grow(faults)) {
        faults->out_of_memory = true;
        free(text);
        return;
    }
    faults->list[faults->count] = (struct fault){line, faults->count, text};
    faults->count++;
}

void faults_add(struct faults *faults, unsigned line, const char *subject, const char *format,
                ...)
{
    char *what = NULL, *text = NULL;
    va_list arguments;

    if (faults->count > PEERLOG_MAX_FAULTS)
        return;
    if (faults->count == PEERLOG_MAX_FAULTS) {
        if (asprintf(&text, "%s:%u: more faults than can be listed; mend the others first",
                     faults->name, line) < 0)
            text = NULL;
        faults_keep(faults, UINT_MAX, text);
        return;
    }
    va_start(arguments, format);
    if (vasprintf(&what, format, arguments) < 0)
        what = NULL;
    va_end(arguments);
    if (what == NULL || asprintf(&text, "%s:%u: %s%s%s", faults->name, line, subject,
                                 *subject != '\0' ? ": " : "", what) < 0)
        text = NULL;
    free(what);
    faults_keep(faults, line, text);
}

static int fault_compare(const void *left, const void *right)
{
    const struct fault *a = left;
    const struct fault *b = right;

    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

int faults_tell(struct faults *faults, settings_fault_fn *tell, void *context)
{
    if (faults->out_of_memory)
        return -ENOMEM;
    if (faults->count == 0)
        return 0;
    qsort(faults->list, faults->count, sizeof *faults->list, fault_compare);
    for (size_t i = 0; i < faults->count; i++)
        tell(context, faults->list[i].text);
    return -EINVAL;
}

void faults_done(struct faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        free(faults->list[i].text);
    free(faults->list);
    faults->list = NULL;
    faults->count = faults->room = 0;
}

const char *fault_quote(char dst[FAULT_QUOTE_BYTES], const char *text, size_t len)
{
    static const char more[] = "...";
    size_t taken = 0;
    size_t room = FAULT_QUOTE_BYTES - sizeof more;
    size_t n = escape_write(dst, room, (const unsigned char *)text, len, ESCAPE_LF, &taken);

    memcpy(dst + n, taken < len ? more : "", taken < len ? sizeof more : 1);
    return dst;
}
