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

void record_from_frame(const struct frame *frame, const struct record_rules *rules,
                       uint8_t *priority, struct record *ret_record)
{
    uint32_t skip = 0;

    if (frame->part <= 1) {
        uint8_t asked = 0;
        *priority = rules->priority;
        if (rules->mode != PRIORITY_MODE_IGNORE) {
            skip = parse_priority(frame->text, frame->len, &asked);
            if (skip > 0)
                *priority = priority_by_rules(rules, asked);
        }
    }
    ret_record->text = frame->text + skip;
    ret_record->len = frame->len - skip;
    ret_record->flags = frame->flags;
    ret_record->part = frame->part;
    ret_record->cut_bytes = frame->cut_bytes;
    ret_record->have_bytes = frame->have_bytes;
    ret_record->want_bytes = frame->want_bytes;
    ret_record->priority = *priority;
}
