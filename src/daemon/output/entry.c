/* SPDX-License-Identifier: MIT
 *
 * Entries: the names of all fields, and what is in them.
 */
#include "config.h"

#include "daemon/output/entry.h"

#include <string.h>

#include "daemon/output/format.h"
#include "peerlog/count.h"
#include "peerlog/number.h"

struct entry entry_of(const struct record *record, const struct source *source, uint64_t instance)
{
    bool is_marked = source->label->show_peer;

    return (struct entry){
        .record = record, .source = source, .instance = instance, .is_marked = is_marked,
        .clean = is_marked ? format_clean_bytes(record->text, record->len, KEEP_LF)
                           : escape_clean_bytes(record->text, record->len, KEEP_LF),
    };
}

size_t entry_message_bytes(const struct entry *entry)
{
    size_t len = entry->record->len;

    return (entry->is_marked ? FORMAT_PREFIX_BYTES : 0) +
           (entry->clean == len ? len : len * ESCAPE_MAX_GROWTH);
}

size_t entry_message(const struct entry *entry, char *dst)
{
    size_t n = entry->is_marked ? format_line_prefix(dst, entry->record, entry->source) : 0;

    return n + format_escaped(dst + n, entry->record, entry->clean, KEEP_LF);
}

/* Marks as words, with a comma behind each. */
static size_t put_flags(uint32_t flags, char *dst)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {FRAME_SPLIT, "split"},           {FRAME_LAST, "last"},
        {FRAME_TRUNCATED, "truncated"},   {FRAME_INCOMPLETE, "incomplete"},
        {FRAME_UNTERMINATED, "unterminated"}, {FRAME_UNFINISHED, "unfinished"},
        {(uint32_t)FRAME_CONTINUED | RECORD_INDENTED, "continued"}, {FRAME_MISFIT, "misfit"},
        {RECORD_CUT, "cut"}, {RECORD_REPEAT, "repeat"},
    };
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (flags & words[i].flag) {
            n += format_text(dst + n, words[i].word);
            dst[n++] = ',';
        }
    }
    return n;
}

size_t entry_flags(uint32_t flags, char *dst)
{
    size_t n = flags != 0 ? put_flags(flags, dst) : 0;

    return n > 0 ? n - 1 : 0;
}

/* PEER_FLAGS: the record's marks; nothing when it has none. */
static void write_flags(const struct entry *entry, const struct entry_writer *writer,
                        void *context)
{
    bool escaped = entry->clean < entry->record->len;
    char flags[ENTRY_FLAGS_BYTES];

    if (entry->record->flags == 0 && !escaped)
        return;
    size_t n = put_flags(entry->record->flags, flags);
    if (escaped)
        n += format_text(flags + n, "escaped,");
    writer->word(context, "PEER_FLAGS", flags, n - 1);
}

/* One that is empty is left out. */
static void write_text(const struct entry_writer *writer, void *context, const char *name,
                       const char *text)
{
    if (*text != '\0')
        writer->word(context, name, text, strlen(text));
}

/* What protects the connection, and whose certificate was shown. */
static void write_tls(const struct source *source, const struct entry_writer *writer,
                      void *context)
{
    write_text(writer, context, "PEER_TLS_VERSION", source->tls_version);
    write_text(writer, context, "PEER_TLS_CIPHER", source->tls_cipher);
    if (source->details == NULL)
        return;
    write_text(writer, context, "PEER_TLS_SUBJECT", source->details->tls_subject);
    write_text(writer, context, "PEER_TLS_NAME", source->details->tls_name);
}

/* What a balancer has said of the peer beyond its address. */
static void write_proxy(const struct peer_details *details, const struct entry_writer *writer,
                        void *context)
{
    write_text(writer, context, "PEER_PROXY_AUTHORITY", details->proxy_authority);
    write_text(writer, context, "PEER_PROXY_UNIQUE_ID", details->proxy_unique_id);
    write_text(writer, context, "PEER_PROXY_TLS_NAME", details->proxy_tls_name);
}

/* The peer, and how its records are labelled. */
static void write_source(const struct entry *entry, const struct entry_writer *writer,
                         void *context)
{
    const struct source *source = entry->source;
    char text[PEER_TEXT_BYTES];
    size_t n;

    writer->word(context, "SYSLOG_IDENTIFIER", source->label->tag, strlen(source->label->tag));
    n = peer_format_address(&source->peer, text);
    writer->word(context, "PEER_ADDRESS", text, n);
    writer->number(context, "PEER_PORT", source->peer.port);
    writer->word(context, "PEER_LISTENER", source->listener, strlen(source->listener));
    n = format_hex(text, entry->instance);
    text[n++] = '-';
    n += number_format(text + n, source->connection);
    writer->word(context, "PEER_CONNECTION", text, n);
    if (source->tls_version != NULL)
        write_tls(source, writer, context);
    if (source->details != NULL)
        write_proxy(source->details, writer, context);
}

/* The numbers of a split, truncated or incomplete message. */
static void write_measures(const struct record *record, const struct entry_writer *writer,
                           void *context)
{
    if (record->flags & FRAME_SPLIT)
        writer->number(context, "PEER_PART", record->part);
    if (record->flags & FRAME_TRUNCATED)
        writer->number(context, "PEER_CUT_BYTES", record->cut_bytes);
    if (record->flags & (FRAME_INCOMPLETE | FRAME_MISFIT)) {
        writer->number(context, "PEER_HAVE_BYTES", record->have_bytes);
        writer->number(context, "PEER_WANT_BYTES", record->want_bytes);
    }
}

void entry_write_head(const struct entry *entry, const struct entry_writer *writer, void *context)
{
    const struct record *record = entry->record;

    writer->number(context, "PRIORITY", priority_severity(record->priority));
    writer->number(context, "SYSLOG_FACILITY", priority_facility(record->priority));
    write_source(entry, writer, context);
}

void entry_write_rest(const struct entry *entry, const struct entry_writer *writer, void *context)
{
    const struct record *record = entry->record;

    writer->number(context, "PEER_SEQUENCE", record->sequence);
    write_flags(entry, writer, context);
    write_measures(record, writer, context);
    writer->text(context, "MESSAGE", entry);
    if (entry->clean < record->len)
        writer->bytes(context, "PEER_RAW", record->text, record->len);
}

void entry_write(const struct entry *entry, const struct entry_writer *writer, void *context)
{
    entry_write_head(entry, writer, context);
    entry_write_rest(entry, writer, context);
}
