/* SPDX-License-Identifier: MIT
 *
 * Queries of the admin: what is known is taken, and whatever else may be said is refused.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/admin/wanted.h"
#include "peerlog/count.h"

static void takes_what_is_known(void **state)
{
    struct wanted wanted = {0};

    (void)state;
    assert_null(wanted_take(&wanted, "peer", "192.0.2.0/24"));
    assert_null(wanted_take(&wanted, "listener", "switches"));
    assert_null(wanted_take(&wanted, "sort", "idle"));
    assert_null(wanted_take(&wanted, "limit", "1000000"));
    assert_null(wanted_take(&wanted, "busiest", "0"));
    assert_null(wanted_take(&wanted, "now", "1"));
    assert_true(wanted.has_busiest && wanted.busiest == 0);
    assert_true(wanted.has_peer && wanted.peer.bits == 24 && wanted.now);
    assert_string_equal(wanted.listener, "switches");
    assert_int_equal(wanted.order, ORDER_BY_IDLE);
    assert_int_equal(wanted.limit, 1000000);
    assert_null(wanted_take(&wanted, "now", "0"));
    assert_false(wanted.now);
}

static void refuses_everything_else(void **state)
{
    static const char *const pairs[][2] = {
        {"pear", "192.0.2.1"}, {"", ""}, {"peer", NULL}, {"peer", ""}, {"peer", "router"},
        {"peer", "192.0.2.1/24"}, {"peer", "192.0.2.0/33"}, {"listener", NULL}, {"listener", ""},
        {"listener", "123456789012345678901234567890123"}, {"sort", "name"}, {"sort", ""},
        {"limit", "0"}, {"limit", ""}, {"limit", "1000001"}, {"limit", "-1"}, {"limit", "1e3"},
        {"limit", "99999999999999999999999"}, {"busiest", "11"}, {"busiest", ""},
        {"now", NULL}, {"now", "yes"}, {"now", "10"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct wanted wanted = {0};
        const struct wanted untouched = {0};
        assert_non_null(wanted_take(&wanted, pairs[i][0], pairs[i][1]));
        assert_memory_equal(&wanted, &untouched, sizeof wanted);
    }
}

static void reads_numbers_of_connections(void **state)
{
    static const char *const others[] = {"", "x", "1x", "-1", "+1", " 1", "18446744073709551616"};
    struct wanted wanted = {0};

    (void)state;
    assert_true(wanted_take_id(&wanted, "18446744073709551615"));
    assert_true(wanted.has_id && wanted.id == UINT64_MAX);
    assert_true(wanted_take_id(&wanted, "0"));
    assert_true(wanted.has_id && wanted.id == 0);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(wanted_take_id(&wanted, others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_known),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(reads_numbers_of_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
