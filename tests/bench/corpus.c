/* SPDX-License-Identifier: MIT
 *
 * The fixed input; see corpus.h.
 */
#include "config.h"

#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static const char pri[] = "<13>";

static unsigned char text_byte(enum corpus_text text, size_t at)
{
    static const char words[] = "session opened for user nobody by (uid=0) ";
    static const unsigned char character[3] = {0xe4, 0xb8, 0xad};

    switch (text) {
    case TEXT_UTF8:
        return character[at % 3];
    case TEXT_DIRTY:
        if (at % 8 == 7)
            return 0x1b;
        break;
    case TEXT_TORN:
        return 0xfe;
    case TEXT_ASCII:
        break;
    }
    return (unsigned char)words[at % (sizeof words - 1)];
}

static void write_message(unsigned char *dst, enum framing framing, enum corpus_text text,
                          size_t size)
{
    char head[32];
    size_t tail = framing == FRAMING_OCTET_COUNTING ? 0 : 1;
    size_t len = size - tail;

    if (framing == FRAMING_OCTET_COUNTING) {
        /* The count has as many digits as the size itself, but for a few sizes. */
        size_t digits = (size_t)snprintf(head, sizeof head, "%zu", size);
        (void)snprintf(head, sizeof head, "%zu %s", size - digits - 1, pri);
    } else {
        memcpy(head, pri, sizeof pri);
    }
    size_t at = strlen(head);
    memcpy(dst, head, at);
    /* Whole characters only. */
    while (text == TEXT_UTF8 && (len - at) % 3 != 0)
        dst[at++] = ' ';
    for (size_t i = 0; at < len; i++)
        dst[at++] = text_byte(text, i);
    if (tail > 0)
        dst[len] = framing == FRAMING_NUL ? '\0' : '\n';
}

void corpus_init(struct corpus *c, enum framing framing, enum corpus_text text, size_t size,
                 size_t messages)
{
    c->len = size * messages;
    c->messages = messages;
    c->bytes = malloc(c->len);
    if (c->bytes == NULL)
        die_errno("corpus");
    for (size_t i = 0; i < messages; i++)
        write_message(c->bytes + i * size, framing, text, size);
}

void corpus_done(struct corpus *c)
{
    free(c->bytes);
    c->bytes = NULL;
}
