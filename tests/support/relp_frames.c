/* SPDX-License-Identifier: MIT
 *
 * RELP frames as text. Each view lies in an allocation of exactly its size; the contracts
 * of the reader are checked at every piece.
 */
#include "config.h"

#include "support/relp_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void relp_note_frame(struct bytes *out, uint32_t txnr, enum relp_command command,
                     struct span data)
{
    char head[48];

    (void)snprintf(head, sizeof head, "%u %d %zu[", txnr, (int)command, data.len); /* it fits */
    bytes_add_text(out, head);
    bytes_add(out, data.data, data.len);
    bytes_add_text(out, "]|");
}

void relp_note_fault(struct bytes *out, enum relp_fault fault)
{
    char tail[8];

    (void)snprintf(tail, sizeof tail, "!%d", (int)fault); /* it fits */
    bytes_add_text(out, tail);
}

static void note_piece(struct relp_frames *f, const struct relp_piece *piece)
{
    if (piece->first)
        f->open.len = 0;
    require(piece->len > 0 || piece->first || piece->last, "no empty piece in the middle");
    bytes_add(&f->open, piece->data, piece->len);
    require(f->open.len <= piece->data_bytes, "no more data than announced");
    if (!piece->last)
        return;
    require(f->open.len == piece->data_bytes, "the last piece completes the data");
    relp_note_frame(&f->heard, piece->txnr, piece->command, bytes_span(&f->open));
}

static void read_view(struct relp_frames *f, const unsigned char *view, size_t len)
{
    struct relp_reader reader;
    struct relp_piece piece;
    enum relp_result result;

    relp_begin(&reader, &f->state, view, len);
    while ((result = relp_next(&reader, &piece)) == RELP_READ)
        note_piece(f, &piece);
    f->malformed = result == RELP_MALFORMED;
    if (f->malformed) {
        require(relp_next(&reader, &piece) == RELP_MALFORMED, "malformed is for ever");
        relp_note_fault(&f->heard, reader.fault);
        return;
    }
    size_t keep = (size_t)(reader.end - reader.at);
    require(keep < RELP_MAX_HEADER_BYTES, "only the beginning of a header is carried");
    require(relp_state_valid(&f->state, keep), "the state is valid");
    f->carry.len = 0;
    bytes_add(&f->carry, reader.at, keep);
}

void relp_frames_feed(struct relp_frames *f, const void *data, size_t len)
{
    if (f->malformed)
        return;
    size_t carried = f->carry.len;
    unsigned char *view = malloc(carried + len > 0 ? carried + len : 1);

    require(view != NULL, "memory for a test");
    if (carried > 0)
        memcpy(view, f->carry.data, carried);
    if (len > 0)
        memcpy(view + carried, data, len);
    read_view(f, view, carried + len);
    free(view);
}

void relp_frames_end(struct relp_frames *f)
{
    if (!f->malformed && relp_state_open(&f->state, f->carry.len))
        bytes_add_text(&f->heard, "...");
    bytes_add(&f->heard, "", 1);
}

void relp_frames_done(struct relp_frames *f)
{
    bytes_done(&f->carry);
    bytes_done(&f->heard);
    bytes_done(&f->open);
}
