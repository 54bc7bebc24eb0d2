/* SPDX-License-Identifier: MIT
 *
 * What peers really say: each worker is given an empty trace, and what the one before has caught is
 * told. The first request begins it. One peer, or range of them, is traced at a time: the latest.
 */
#include "config.h"

#include <microhttpd.h>
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

static json_t *describe(const struct trace_entry *entry, const unsigned char *text)
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

/* Append what TRACE has caught of PEER to LIST. */
static void tell(const struct trace *trace, const struct cidr *peer, json_t *list,
                 json_int_t *missed)
{
    const unsigned char *text;
    uint32_t at = 0;

    if (memcmp(&trace->peer, peer, sizeof *peer) != 0)
        return; /* it was for another request */
    for (const struct trace_entry *entry = trace_next(trace, &at, &text); entry != NULL;
         entry = trace_next(trace, &at, &text))
        (void)json_array_append_new(list, describe(entry, text));
    *missed += trace->missed;
}

/* Exchange the trace of a worker. Answers: did it answer? */
static bool exchange(struct admin *admin, unsigned worker, const struct cidr *peer, json_t *list,
                     json_int_t *missed)
{
    struct question *ask = question_new(admin, LETTER_TRACE, sizeof *ask);
    struct trace *trace = calloc(1, sizeof *trace);

    if (ask == NULL || trace == NULL) {
        free(ask);
        free(trace);
        return false;
    }
    trace->peer = *peer;
    ask->letter.trace = trace;
    if (!ask_worker(admin, worker, ask))
        return false;
    if (ask->letter.trace != NULL)
        tell(ask->letter.trace, peer, list, missed);
    free(ask->letter.trace);
    free(ask);
    return true;
}

void answer_trace(struct admin *admin, const struct request *request, struct reply *reply)
{
    bool complete = true;
    json_int_t missed = 0;

    if (!request->wanted.has_peer) {
        reply_fault(reply, MHD_HTTP_BAD_REQUEST, "whose? Say peer=");
        return;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < admin->plan.workers_count; i++)
        complete = exchange(admin, i, &request->wanted.peer, list, &missed) && complete;
    reply->status = MHD_HTTP_OK;
    reply->json = json_pack("{s:b, s:I, s:o}", "complete", complete, "missed", missed,
                            "messages", list);
}
