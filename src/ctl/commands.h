/* SPDX-License-Identifier: MIT
 *
 * The commands of peerlogctl. Each returns an exit status after sysexits.h.
 */
#ifndef PEERLOG_CTL_COMMANDS_H
#define PEERLOG_CTL_COMMANDS_H

#include "ctl/ask.h"
#include "ctl/options.h"

/* Do what is asked for, and print what comes of it. Blocks: a while; top until it is left. */
int commands_run(struct asker *asker, const struct options *options);

/* Say on standard error what is wrong with ANSWER. Returns: its exit status. */
int commands_complain(const struct answer *answer);

/*
 * The address of the connections that OPTIONS want, at most LIMIT if it is not NULL, in DST.
 * Answers: is there room and memory for it?
 */
bool commands_address(struct asker *asker, const struct options *options, const char *sort,
                      const char *limit, char *dst, size_t room);

/* End one connection, or those of a peer. Owns: as ask(). */
void commands_kill(struct asker *asker, const char *target, bool now, struct answer *ret_answer);

#endif
