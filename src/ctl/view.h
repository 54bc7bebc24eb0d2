/* SPDX-License-Identifier: MIT
 *
 * What the daemon has answered, as lines for people. Pure but for memory.
 */
#ifndef PEERLOG_CTL_VIEW_H
#define PEERLOG_CTL_VIEW_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Room for any line. */
#define VIEW_LINE_BYTES 512u

enum view_column {
    VIEW_ID,
    VIEW_PEER,
    VIEW_TAG,
    VIEW_MESSAGES,
    VIEW_BYTES,
    VIEW_RATE,
    VIEW_IDLE,
    VIEW_WAITING,
    VIEW_STATE,
    VIEW_NARROW, /* these are for a screen of 80 columns */
    VIEW_SINCE = VIEW_NARROW,
    VIEW_HOW,    /* transport, session, ends */
    VIEW_PROBLEM,
    VIEW_COLUMNS,
};

#define VIEW_CELL_BYTES 80u

/* A connection at NOW_S, in seconds since 1970, or the heading, cell by cell. */
struct view_row {
    char cell[VIEW_COLUMNS][VIEW_CELL_BYTES];
};

void view_heading(struct view_row *ret_row);
void view_connection(const json_t *connection, long long now_s, struct view_row *ret_row);

/* How wide each column must be so that ROW, too, fits in. */
void view_widen(size_t widths[VIEW_COLUMNS], const struct view_row *row);

/*
 * Make the first COUNT columns fit into ROOM, as far as the peer's address and the tag can be
 * shortened.
 */
void view_squeeze(size_t widths[VIEW_COLUMNS], int count, size_t room);

/*
 * The first COUNT cells of a row as a line, in columns of these WIDTHS. What does not fit into its
 * column is shortened, and a tilde stands where: of an address at the beginning.
 * Returns: its length, below VIEW_LINE_BYTES.
 */
size_t view_line(char dst[VIEW_LINE_BYTES], const struct view_row *row,
                 const size_t widths[VIEW_COLUMNS], int count);

/* "peerlogd 0.2.0, process 4711, up since 3h; ..." at NOW_S, in seconds since 1970. */
void view_process(char dst[VIEW_LINE_BYTES], const json_t *status, long long now_s);
void view_load(char dst[VIEW_LINE_BYTES], const json_t *status);

/* "log: syslog /dev/log, LOST for 12s, 300 messages wait" */
void view_output(char dst[VIEW_LINE_BYTES], const json_t *status);

/* One of the busiest peers of a status. */
void view_busy(char dst[VIEW_LINE_BYTES], const json_t *peer);

/* One of its silent ones. */
void view_silent(char dst[VIEW_LINE_BYTES], const json_t *peer);

/* "limits.connections = 8192   # default" */
void view_setting(char dst[VIEW_LINE_BYTES], const json_t *setting);

/* A number out of STATUS, such as "messages", "logged"; 0 when it is not there. */
long long view_number(const json_t *object, const char *group, const char *name);

#endif
