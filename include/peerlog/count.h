/* SPDX-License-Identifier: MIT
 *
 * How many elements a table has.
 */
#ifndef PEERLOG_COUNT_H
#define PEERLOG_COUNT_H

/* Of an array itself: a pointer to one does not know. */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
