/* SPDX-License-Identifier: MIT
 *
 * From a frame to a record: the PRI leaves the text and becomes the priority.
 */
#include "config.h"

#include "peerlog/record.h"

/* The facility that RULES make of what the peer asked for. */
static unsigned facility_by_rules(const struct record_rules *rules, uint8_t asked)
{
    unsigned facility = priority_facility(asked);

    if (rules->mode != PRIORITY_MODE_FULL || (facility == FACILITY_KERN && !rules->allow_kern))
        facility = priority_facility(rules->priority);
    return facility;
}

/* The priority that RULES make of what the peer asked for. */
static uint8_t priority_by_rules(const struct record_rules *rules, uint8_t asked)
{
    uint8_t priority = priority_make(facility_by_rules(rules, asked), priority_severity(asked));

    return priority_lower(priority, rules->highest_severity);
}

/* The bytes at the start of TEXT that are spaces and a PRI; 0 when it carries none. */
static uint32_t parse_priority(const unsigned char *text, uint32_t len, uint8_t *ret_asked)
{
    uint32_t spaces = 0;

    while (spaces < len && text[spaces] == ' ')
        spaces++;
    size_t pri = priority_parse(text + spaces, len - spaces, ret_asked);
    return pri > 0 ? spaces + (uint32_t)pri : 0;
}

static bool is_indented(const struct frame *frame)
{
    return frame->len > 0 && (frame->text[0] == ' ' || frame->text[0] == '\t');
}

/*
 * The priority of a message, or of its first piece; *FLAGS become those of its record.
 * Returns: how many bytes of the text it took.
 */
static uint32_t first_priority(const struct frame *frame, const struct record_rules *rules,
                               uint8_t *before, uint32_t *flags)
{
    uint8_t asked = 0;
    uint32_t skip = rules->mode == PRIORITY_MODE_IGNORE
                        ? 0
                        : parse_priority(frame->text, frame->len, &asked);

    if (skip > 0) {
        *before = priority_by_rules(rules, asked) + 1u;
        *flags &= ~(uint32_t)FRAME_CONTINUED;
    } else if (*before > 0 && (*flags & FRAME_CONTINUED || is_indented(frame))) {
        *flags |= *flags & FRAME_CONTINUED ? 0 : RECORD_INDENTED;
    } else {
        *before = rules->priority + 1u;
    }
    return skip;
}

void record_from_frame(const struct frame *frame, const struct record_rules *rules,
                       uint8_t *before, struct record *ret_record)
{
    uint32_t flags = frame->flags & ~(uint32_t)FRAME_HINTS;
    uint32_t skip = 0;

    if (frame->part <= 1 || *before == 0)
        skip = first_priority(frame, rules, before, &flags);
    ret_record->text = frame->text + skip;
    ret_record->len = frame->len - skip;
    ret_record->flags = flags;
    ret_record->part = frame->part;
    ret_record->cut_bytes = frame->cut_bytes;
    ret_record->have_bytes = frame->have_bytes;
    ret_record->want_bytes = frame->want_bytes;
    ret_record->priority = (uint8_t)(*before - 1u);
}
