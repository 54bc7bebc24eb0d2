/* SPDX-License-Identifier: MIT
 *
 * assert_int_in_range() for every version of cmocka: 2 has it, and warns of the older
 * assert_in_range(), the only one that 1 has. It is good for unsigned numbers, too: 2.0's macro
 * for these makes them signed on the way, of which gcc warns. To be included after cmocka.h.
 */
#ifndef PEERLOG_TESTS_IN_RANGE_H
#define PEERLOG_TESTS_IN_RANGE_H

#ifndef assert_int_in_range
#define assert_int_in_range(value, least, most) assert_in_range(value, least, most)
#endif

#endif
