/* SPDX-License-Identifier: MIT
 *
 * A daemon with a fatal weakness: this is linked around escape_clean_bytes(), which sees every
 * message, and makes peerlogd crash or hang on one that says so. It can do so only as
 * often as there are files named "token-0", "token-1", ... in $PEERLOG_FRAGILE: each death
 * takes one away, so that a test decides how many there are.
 */
#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peerlog/escape.h"

#define TOKENS 16

size_t __real_escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf);
size_t __wrap_escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf);

/* Take a token away. Returns: was there one? */
static bool take_token(void)
{
    const char *folder = getenv("PEERLOG_FRAGILE");
    char path[4096];

    for (int i = 0; folder != NULL && i < TOKENS; i++) {
        (void)snprintf(path, sizeof path, "%s/token-%d", folder, i);
        if (unlink(path) == 0)
            return true;
    }
    return false;
}

static bool says(const unsigned char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

size_t __wrap_escape_clean_bytes(const unsigned char *text, size_t len, enum escape_lf lf)
{
    if (says(text, len, "please crash") && take_token())
        (void)raise(SIGSEGV);
    if (says(text, len, "please abort") && take_token())
        abort();
    if (says(text, len, "please hang") && take_token())
        for (;;)
            (void)pause(); /* until a signal ends the process */
    return __real_escape_clean_bytes(text, len, lf);
}
