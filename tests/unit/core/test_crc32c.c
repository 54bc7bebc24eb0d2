/* SPDX-License-Identifier: MIT
 *
 * CRC32C: known checksums, bit by bit once more, and in pieces.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/crc32c.h"
#include "support/intake.h"

/* 32 bytes each, from appendix B.4 of RFC 3720. */
static void knows_the_checksums_of_the_rfc(void **state)
{
    unsigned char bytes[32];

    (void)state;
    assert_int_equal(crc32c_add(0, "", 0), 0);
    assert_int_equal(crc32c_add(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c_add(0, bytes, sizeof bytes), 0x46dd794e);
}

/* The definition: one bit at a time. */
static uint32_t bit_by_bit(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        crc ^= (uint32_t)bytes[bit / 8] >> bit % 8 & 1u;
        crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

static void gives_the_same_in_any_two_pieces(void **state)
{
    unsigned char bytes[64];
    uint64_t seed = 32;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)draw(&seed, 256);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint32_t whole = bit_by_bit(bytes, len);
        for (size_t cut = 0; cut <= len; cut++)
            assert_int_equal(crc32c_add(crc32c_add(0, bytes, cut), bytes + cut, len - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_checksums_of_the_rfc),
        cmocka_unit_test(gives_the_same_in_any_two_pieces),
    };

    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
