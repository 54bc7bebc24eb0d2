/* SPDX-License-Identifier: MIT
 *
 * Asking the daemon: one request of HTTP over its socket, by libcurl.
 */
#ifndef PEERLOG_CTL_ASK_H
#define PEERLOG_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct asker;

/* What came of a request. */
struct answer {
    int status;      /* an exit status after sysexits.h; 0: it was done */
    char fault[640]; /* what is wrong, in words */
    char *text;      /* what was answered, NUL-terminated; NULL: nothing */
    json_t *json;    /* the same, if it is JSON; else NULL */
};

/* Returns: NULL without memory. Owns: release it with asker_free(). SOCKET must outlive it. */
struct asker *asker_new(const char *socket);
struct asker *asker_free(struct asker *asker);

/*
 * Ask for PATH, which begins with a slash, by METHOD.
 * Owns: the caller releases what is in ANSWER with answer_done().  Blocks: 10 seconds at most.
 */
void ask(struct asker *asker, const char *method, const char *path, struct answer *ret_answer);

/*
 * Ask for PATH, which is answered by lines of JSON, and give each to TAKE, which answers: is there
 * to be more?
 * Owns: as ask().  Blocks: until TAKE or the daemon ends it.
 */
void ask_stream(struct asker *asker, const char *path,
                bool (*take)(void *context, const json_t *line), void *context,
                struct answer *ret_answer);
void answer_done(struct answer *answer);

/* VALUE as a part of an address. Returns: NULL without memory; free it with ask_free_escaped(). */
char *ask_escape(struct asker *asker, const char *value);
void ask_free_escaped(char *escaped);

#endif
