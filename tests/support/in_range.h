/* SPDX-License-Identifier: MIT
 *
 * assert_uint_in_range() for every version of cmocka: 2 has it, and warns of the older
 * assert_in_range(), the only one that 1 has. To be included after cmocka.h.
 */
#ifndef PEERLOG_TESTS_IN_RANGE_H
#define PEERLOG_TESTS_IN_RANGE_H

#ifndef assert_uint_in_range
#define assert_uint_in_range(value, least, most) assert_in_range(value, least, most)
#endif

#endif
