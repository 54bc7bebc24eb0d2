/* SPDX-License-Identifier: MIT
 *
 * Nearness is the number of letters inserted, left out, exchanged or swapped with their
 * neighbour; at a pinch, one word that begins with the other. Upper and lower case are
 * alike, and so are "-" and "_".
 */
#include "config.h"

#include "daemon/settings/suggest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Longer than any word we know; what was typed may be of any length. */
#define WORD_BYTES 32u

/* Fewer letters that are alike are no hint. */
#define PREFIX_BYTES 3u

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' ? '_' : c;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Steps from A to B, each shorter than WORD_BYTES. */
static unsigned word_distance(const char *a, const char *b)
{
    unsigned steps[WORD_BYTES][WORD_BYTES];
    size_t a_len = strlen(a), b_len = strlen(b);

    for (size_t i = 0; i <= a_len; i++)
        steps[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b_len; j++)
        steps[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            char left = fold(a[i - 1]), right = fold(b[j - 1]);
            unsigned best = steps[i - 1][j - 1] + (left != right);
            best = smaller(best, smaller(steps[i - 1][j], steps[i][j - 1]) + 1);
            if (i > 1 && j > 1 && left == fold(b[j - 2]) && right == fold(a[i - 2]))
                best = smaller(best, steps[i - 2][j - 2] + 1);
            steps[i][j] = best;
        }
    }
    return steps[a_len][b_len];
}

/* Is one of them the other's beginning, as in "crit" and "critical"? */
static bool begins_alike(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] != '\0' && fold(a[n]) == fold(b[n]))
        n++;
    return n >= PREFIX_BYTES && (a[n] == '\0' || b[n] == '\0');
}

void suggestion_offer(struct suggestion *suggestion, const char *word)
{
    size_t typed_len = strlen(suggestion->typed), word_len = strlen(word);

    if (typed_len >= WORD_BYTES || word_len >= WORD_BYTES ||
        strcmp(suggestion->typed, word) == 0)
        return;
    if (suggestion->word == NULL && begins_alike(suggestion->typed, word)) {
        suggestion->word = word;
        suggestion->distance = WORD_BYTES;
    }
    /* A third of the letters may be wrong, and one in short words; but not all of them. */
    size_t near = word_len < 6 ? 1 : word_len / 3;
    unsigned distance = word_distance(suggestion->typed, word);
    if (distance > near || distance >= typed_len)
        return;
    if (suggestion->word == NULL || distance < suggestion->distance) {
        suggestion->word = word;
        suggestion->distance = distance;
    }
}
