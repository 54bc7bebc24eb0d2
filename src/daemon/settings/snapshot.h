/* SPDX-License-Identifier: MIT
 *
 * The snapshot: the settings in force, and what the daemon made of them: which listener of
 * the ledger each listener of the settings is. Once it is in force only its place in the chain of
 * older ones changes, and that is main's; a reload writes a new one, and the old one is kept until
 * every thread has moved on.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_SNAPSHOT_H
#define PEERLOG_DAEMON_SETTINGS_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/settings/settings.h"
#include "peerlog/limits.h"

struct snapshot {
    struct settings *settings; /* owned */
    /* For each listener of the ledger: its index in the settings, or PEERLOG_NO_LISTENER. */
    uint8_t listener_of_id[PEERLOG_LISTENER_PLACES];
    /* For each listener of the ledger: the address it is bound to, for people. */
    char listener_text[PEERLOG_LISTENER_PLACES][PEER_TEXT_BYTES];
    struct snapshot *older; /* chain of those no longer in force */
};

/* What the settings say of listener ID of the ledger. Returns: NULL when they do not know it. */
static inline const struct listener_settings *snapshot_listener(const struct snapshot *snapshot,
                                                                uint8_t id)
{
    uint8_t index = PEERLOG_NO_LISTENER;

    if (id < PEERLOG_LISTENER_PLACES)
        index = snapshot->listener_of_id[id];
    return index != PEERLOG_NO_LISTENER ? &snapshot->settings->listeners[index] : NULL;
}

/* How records of a connection that came through listener ID are labelled. */
static inline const struct label_settings *snapshot_label(const struct snapshot *snapshot,
                                                          uint8_t id)
{
    const struct listener_settings *listener = snapshot_listener(snapshot, id);

    return listener != NULL ? &listener->label : &snapshot->settings->output.label;
}

/* The address of listener ID in text; "" when it is unknown. */
static inline const char *snapshot_listener_text(const struct snapshot *snapshot, uint8_t id)
{
    return id < PEERLOG_LISTENER_PLACES ? snapshot->listener_text[id] : "";
}

#endif
