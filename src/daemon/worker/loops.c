/* SPDX-License-Identifier: MIT
 *
 * Loops: connections that bring back what this very process has logged. A log daemon that forwards
 * all it gets to a port of ours does that, without an end, and each turn makes it longer. Nothing
 * is dropped, since a peer could hide its words behind our name: such a connection is read
 * slowly as long as it goes on, and is named.
 */
#include "config.h"

#include "daemon/worker/round.h"

#include "daemon/message_ids.h"
#include "os/log.h"
#include "peerlog/loop.h"

/* One read of so many is looked at: a loop comes again and again. */
#define LOOK_EVERY 16u

/* So many reads in a row without our prefix are the end of a loop. */
#define READS_WITHOUT 16u

static bool carries_prefix(const struct round *r, const struct slot *slot,
                           const unsigned char *text, size_t len)
{
    const struct label_settings *label = snapshot_label(r->snapshot, slot->listener);

    return loop_carries_prefix(text, len < LOOP_SEARCH_BYTES ? len : LOOP_SEARCH_BYTES, label->tag,
                               r->pid);
}

static struct round_loop *find_loop(struct round *r, uint32_t slot)
{
    for (size_t i = 0; i < ROUND_LOOPS; i++)
        if (r->loops[i].reads_left > 0 && r->loops[i].slot == slot)
            return &r->loops[i];
    return NULL;
}

static void begin_loop(struct round *r, uint32_t slot_index)
{
    const struct slot *slot = &r->ledger->slots[slot_index];
    const struct label_settings *label = snapshot_label(r->snapshot, slot->listener);
    char peer[PEER_TEXT_BYTES];

    for (size_t i = 0; i < ROUND_LOOPS; i++) {
        if (r->loops[i].reads_left > 0)
            continue;
        r->loops[i] = (struct round_loop){
            .slot = slot_index, .reads_left = READS_WITHOUT, .sequence = slot->stream.sequence,
            .told = preface_is_news(r->preface, &slot->peer, NEWS_LOOP),
        };
        r->table->conns[slot_index].looping = 1;
        r->ledger->slots[slot_index].problem = PROBLEM_LOOP;
        if (!r->loops[i].told)
            return;
        (void)peer_format(&slot->peer, peer);
        log_event(SEVERITY_ERR, MESSAGE_ID_LOOP,
                  "%s: a loop: it brings back what we have logged, and is read at one message a "
                  "second; let the log daemon not forward what the program %s says (rsyslog: "
                  "if $programname == '%s' then stop)", peer, label->tag, label->tag);
        return;
    }
}

void round_end_loop(struct round *r, uint32_t slot_index)
{
    const struct slot *slot = &r->ledger->slots[slot_index];
    struct round_loop *loop = find_loop(r, slot_index);
    char peer[PEER_TEXT_BYTES];

    r->table->conns[slot_index].looping = 0;
    if (loop == NULL)
        return;
    (void)peer_format(&slot->peer, peer);
    if (loop->told)
        log_event(SEVERITY_ERR, MESSAGE_ID_LOOP, "%s: the loop has ended, after %llu messages",
                  peer, (unsigned long long)(slot->stream.sequence - loop->sequence));
    loop->reads_left = 0;
}

void round_watch_loop(struct round *r, uint32_t slot_index, const unsigned char *text, size_t len)
{
    const struct slot *slot = &r->ledger->slots[slot_index];
    bool looping = r->table->conns[slot_index].looping;

    if (len == 0 || (!looping && r->looks++ % LOOK_EVERY != 0))
        return;
    bool carries = carries_prefix(r, slot, text, len);
    struct round_loop *loop = looping ? find_loop(r, slot_index) : NULL;
    if (!looping && carries)
        begin_loop(r, slot_index);
    else if (loop != NULL && carries)
        loop->reads_left = READS_WITHOUT;
    else if (loop != NULL && loop->reads_left-- == 1)
        round_end_loop(r, slot_index);
}
