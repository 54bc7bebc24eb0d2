/* SPDX-License-Identifier: MIT
 *
 * "Did you mean ...": the known word nearest to a mistyped one. Pure; any thread.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_SUGGEST_H
#define PEERLOG_DAEMON_SETTINGS_SUGGEST_H

/* The search for the word nearest to one that is not known. */
struct suggestion {
    const char *typed; /* what was found instead */
    const char *word;  /* the nearest so far, or NULL: none is near enough */
    unsigned distance; /* of that one */
};

/*
 * Offer a known word to the search. It is taken when it is near enough to be meant,
 * nearer than those before, and not the very same.
 */
void suggestion_offer(struct suggestion *suggestion, const char *word);

#endif
