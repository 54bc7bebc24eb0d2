/* SPDX-License-Identifier: MIT
 *
 * The rulebook: the settings in force, and what the daemon made of them: which listener of
 * the ledger each listener of the settings is. Immutable once it is in force; a reload
 * writes a new one, and the old one is kept until every thread has moved on.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_SNAPSHOT_H
#define PEERLOG_DAEMON_SETTINGS_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/ledger.h"
#include "daemon/settings/settings.h"

struct rulebook {
    struct settings *settings; /* owned */
    /* For each listener of the ledger: its index in the settings, or LISTENER_NONE. */
    uint8_t listener_of_id[LEDGER_LISTENERS];
    /* For each listener of the ledger: the address it is bound to, for people. */
    char listener_text[LEDGER_LISTENERS][PEER_TEXT_BYTES];
    struct rulebook *older; /* chain of those no longer in force */
};

/* What the settings say of listener ID of the ledger. Returns: NULL when they do not know it. */
static inline const struct listener_settings *rulebook_listener(const struct rulebook *rules,
                                                                uint8_t id)
{
    uint8_t index = id < LEDGER_LISTENERS ? rules->listener_of_id[id] : LISTENER_NONE;

    return index != LISTENER_NONE ? &rules->settings->listeners[index] : NULL;
}

/* How records of a connection that came through listener ID are labelled. */
static inline const struct label_settings *rulebook_label(const struct rulebook *rules, uint8_t id)
{
    const struct listener_settings *listener = rulebook_listener(rules, id);

    return listener != NULL ? &listener->label : &rules->settings->output.label;
}

/* The address of listener ID in text; "" when it is unknown. */
static inline const char *rulebook_listener_text(const struct rulebook *rules, uint8_t id)
{
    return id < LEDGER_LISTENERS ? rules->listener_text[id] : "";
}

#endif
