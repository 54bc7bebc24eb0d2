/* SPDX-License-Identifier: MIT
 *
 * What a log has heard: one record of peerlogd, taken apart again. Four forms are read: a
 * datagram of the syslog or of the journal output, and files that hold the like, a text
 * log or `journalctl -o export`.
 */
#ifndef PEERLOG_TESTS_SYSTEM_HEARD_H
#define PEERLOG_TESTS_SYSTEM_HEARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEARD_PEER_BYTES 64u

struct heard {
    const char *text; /* the message as the peer sent it; NULL: none in it */
    size_t text_len;
    char peer[HEARD_PEER_BYTES];       /* ADDRESS:PORT */
    char connection[HEARD_PEER_BYTES]; /* PEER_CONNECTION; empty in text */
    uint64_t sequence;                 /* PEER_SEQUENCE; 0 in text */
    bool repeat;                       /* marked as a possible repeat */
};

/*
 * Read a line of text: "... TAG[PID]: PEER [mark] message".
 * Returns: false if it is no record of a peer. The text points into LINE.
 */
bool heard_read_line(const char *line, size_t len, struct heard *ret_heard);

/*
 * Read the next entry in the journal's export form, which is its native protocol too.
 * An entry without PEER_ADDRESS leaves text NULL. AT_END: BYTES holds all there is, and the
 * last entry need not be closed by an empty line.
 * Returns: the bytes it took; 0 if the entry is not complete.
 */
size_t heard_read_entry(const char *bytes, size_t len, bool at_end, struct heard *ret_heard);

#endif
