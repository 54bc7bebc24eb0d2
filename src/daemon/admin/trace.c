/* SPDX-License-Identifier: MIT
 *
 * What peers really say: a record that a worker has traced, as JSON.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/private.h"
#include "daemon/admin/safe_text.h"
#include "daemon/worker/round.h"
#include "daemon/worker/trace.h"
#include "peerlog/count.h"
#include "peerlog/priority.h"

/* What ended a record; NULL: nothing that was said. */
static const char *end_name(const struct trace_entry *entry)
{
    if (entry->flags & FRAME_INCOMPLETE || entry->end == FRAMER_ENDS_COUNT)
        return "counted";
    if (entry->end == ROUND_ENDS_FRAME)
        return "RELP";
    if (entry->flags & (FRAME_UNTERMINATED | FRAME_UNFINISHED) ||
        (entry->flags & FRAME_SPLIT && !(entry->flags & FRAME_LAST)))
        return NULL;
    return entry->end == FRAMER_ENDS_LF ? "LF" : entry->end == FRAMER_ENDS_NUL ? "NUL" : NULL;
}

/* What was made of a record, as peers' programmers want to know it. */
static json_t *describe_flags(const struct trace_entry *entry)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {FRAME_SPLIT, "split"}, {FRAME_TRUNCATED, "truncated"},
        {FRAME_INCOMPLETE, "incomplete"}, {FRAME_UNTERMINATED, "unterminated"},
        {FRAME_UNFINISHED, "unfinished"}, {FRAME_CONTINUED, "continued"},
        {FRAME_MISFIT, "count does not fit"}, {RECORD_REPEAT, "possible repeat"},
        {RECORD_INDENTED, "indented"},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (entry->flags & words[i].flag)
            (void)json_array_append_new(list, json_string(words[i].word));
    return list;
}

json_t *trace_describe(const struct trace_entry *entry, const unsigned char *text)
{
    char address[PEER_TEXT_BYTES], priority[32];

    (void)peer_format_address(&entry->peer, address);
    (void)snprintf(priority, sizeof priority, "%s.%s", facility_name(entry->priority >> 3),
                   severity_name(entry->priority & 7u));
    json_t *one = json_pack(
        "{s:I, s:s, s:i, s:I, s:s, s:i, s:s?, s:I, s:o}",
        "connection", (json_int_t)entry->connection,
        "address", address, "port", (int)entry->peer.port,
        "sequence", (json_int_t)entry->sequence, "priority", priority,
        "number", (int)entry->priority, "end", end_name(entry),
        "bytes", (json_int_t)entry->len, "notes", describe_flags(entry));
    if (one == NULL)
        return NULL;
    if (entry->want_bytes != entry->have_bytes) {
        (void)json_object_set_new(one, "came", json_integer((json_int_t)entry->have_bytes));
        (void)json_object_set_new(one, "announced", json_integer((json_int_t)entry->want_bytes));
    }
    char *safe = safe_text(text, entry->kept);
    if (safe == NULL) {
        json_decref(one);
        return NULL;
    }
    (void)json_object_set_new(one, "text", json_stringn(safe, safe_text_bytes(text, entry->kept)));
    free(safe);
    if (!safe_text_is_same(text, entry->kept)) {
        char *exact = safe_text_base64(text, entry->kept);
        (void)json_object_set_new(one, "base64", json_string(exact)); /* NULL sets nothing */
        free(exact);
    }
    return one;
}
