/* SPDX-License-Identifier: MIT
 *
 * Path templates: what they become, where faults are seen, and that no value leads anywhere
 * else than to a name of its own.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "peerlog/count.h"
#include "peerlog/path_template.h"
#include "support/intake.h"

static const struct tm the_time = {.tm_year = 126, .tm_mon = 10, .tm_mday = 9, .tm_hour = 7};

static const struct path_values values = {
    .address = "192.0.2.7", .listener = "router", .facility = "local0", .severity = "err",
    .time = &the_time,
};

struct filled {
    const char *template, *path;
    uint32_t folder_len;
};

static const struct filled filled[] = {
    {"/var/log/peerlog/%{address}/%Y-%m-%d.log", "/var/log/peerlog/192.0.2.7/2026-11-09.log", 17},
    {"/var/log/peerlog/all.log", "/var/log/peerlog/all.log", 17},
    {"/x", "/x", 1},
    {"/%{listener}", "/router", 1},
    {"/a/b%{facility}.%{severity}/%H", "/a/blocal0.err/07", 3},
    {"/a/100%%/%{listener}%{listener}", "/a/100%/routerrouter", 3},
    {"/a%%%%Y", "/a%%Y", 1},
    {"/a/.hidden/...", "/a/.hidden/...", 11},
    {"/a/}{}", "/a/}{}", 3},
    {"/tag\xc3\xa9/\xff", "/tag\xc3\xa9/\xff", 7},
};

/* TEXT for VALUES; a fault ends the test. Owns: the caller. */
static char *fill(const char *text, const struct path_values *v)
{
    struct path_template template;
    struct path_fault fault = {0, ""};
    char *path = malloc(PATH_TEMPLATE_ROOM);

    assert_non_null(path);
    if (path_template_parse(text, &template, &fault) < 0)
        fail_msg("\"%s\": %zu: %s", text, fault.position, fault.reason);
    int n = path_template_expand(&template, v, path, PATH_TEMPLATE_ROOM);
    assert_int_equal(n, strlen(path));
    return path;
}

static void fills_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(filled); i++) {
        struct path_template template;
        struct path_fault fault;
        char *path = fill(filled[i].template, &values);
        assert_string_equal(path, filled[i].path);
        assert_int_equal(path_template_parse(filled[i].template, &template, &fault), 0);
        assert_int_equal(template.folder_len, filled[i].folder_len);
        assert_ptr_equal(template.text, filled[i].template);
        free(path);
    }
}

static void says_which_places_it_has(void **state)
{
    static const char *const names[PATH_PLACES] = {
        [PATH_ADDRESS] = "%{address}", [PATH_LISTENER] = "%{listener}",
        [PATH_FACILITY] = "%{facility}", [PATH_SEVERITY] = "%{severity}",
        [PATH_YEAR] = "%Y", [PATH_MONTH] = "%m", [PATH_DAY] = "%d", [PATH_HOUR] = "%H",
    };

    (void)state;
    for (uint32_t wanted = 0; wanted < 1u << PATH_PLACES; wanted++) {
        struct path_template template;
        struct path_fault fault;
        char text[100] = "/x";
        for (size_t place = 0; place < PATH_PLACES; place++)
            if ((wanted >> place & 1) != 0)
                strcat(text, names[place]);
        assert_int_equal(path_template_parse(text, &template, &fault), 0);
        assert_int_equal(template.uses, wanted);
    }
}

static void makes_a_part_of_a_name_of_any_value(void **state)
{
    static const struct {
        const char *value, *path;
    } cases[] = {
        {"fe80::1%7", "/a/fe80::1%7/.fe80::1%7."},
        {"", "/a/_/._."},
        {".", "/a/_/._."},
        {"..", "/a/__/.__."},
        {"...", "/a/___/.___."},
        {".a", "/a/.a/..a."},
        {"a/b", "/a/a_b/.a_b."},
        {"/", "/a/_/._."},
        {"../../etc/passwd", "/a/.._.._etc_passwd/..._.._etc_passwd."},
        {"a b\tc\nd\x01\x7f", "/a/a_b_c_d__/.a_b_c_d__."},
        {"caf\xc3\xa9", "/a/caf__/.caf__."},
        {"$(x)`y`;*?\\'\"", "/a/$(x)`y`;*?\\'\"/.$(x)`y`;*?\\'\"."},
        {"%Y%{address}", "/a/%Y%{address}/.%Y%{address}."},
    };
    static const char *const templates[] = {
        "/a/%{address}/.%{address}.", "/a/%{listener}/.%{listener}.",
        "/a/%{facility}/.%{facility}.", "/a/%{severity}/.%{severity}.",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *value = cases[i].value;
        const struct path_values v = {value, value, value, value, &the_time};
        for (size_t t = 0; t < COUNT_OF(templates); t++) {
            char *path = fill(templates[t], &v);
            assert_string_equal(path, cases[i].path);
            free(path);
        }
    }
}

static void writes_a_time_of_its_width_whatever_it_is(void **state)
{
    static const struct {
        struct tm tm;
        const char *path;
    } cases[] = {
        {{.tm_year = 70, .tm_mon = 0, .tm_mday = 1, .tm_hour = 0}, "/1970-01-01-00"},
        {{.tm_year = -1900, .tm_mon = 11, .tm_mday = 31, .tm_hour = 23}, "/0000-12-31-23"},
        {{.tm_year = -5000, .tm_mon = 11, .tm_mday = 31, .tm_hour = 23}, "/0000-12-31-23"},
        {{.tm_year = 8100, .tm_mon = 0, .tm_mday = 1, .tm_hour = 9}, "/0000-01-01-09"},
        {{.tm_year = 2147483647, .tm_mon = 0, .tm_mday = 1, .tm_hour = 9}, "/5547-01-01-09"},
        {{.tm_year = 70, .tm_mon = -7, .tm_mday = -1, .tm_hour = 100}, "/1970-00-00-00"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct path_values v = values;
        v.time = &cases[i].tm;
        char *path = fill("/%Y-%m-%d-%H", &v);
        assert_string_equal(path, cases[i].path);
        free(path);
    }
}

static void says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text, *reason;
        size_t position;
    } faults[] = {
        {"", "the path must begin with /", 1},
        {"var/log/x", "the path must begin with /", 1},
        {"%{address}/x", "the path must begin with /", 1},
        {"/", "the name of a file is missing at the end", 1},
        {"/var/log/", "the name of a file is missing at the end", 9},
        {"/%{address}/", "the name of a file is missing at the end", 12},
        {"//x", "two slashes in a row", 2},
        {"/var//log", "two slashes in a row", 6},
        {"/var/./log", "\".\" and \"..\" are no names", 6},
        {"/var/../log", "\".\" and \"..\" are no names", 6},
        {"/..", "\".\" and \"..\" are no names", 2},
        {"/var/log/.", "\".\" and \"..\" are no names", 10},
        {"/a\nb", "a control character", 3},
        {"/a\x7f", "a control character", 3},
        {"/a/%", "behind % must come {, Y, m, d, H or %", 4},
        {"/a/%y/x", "behind % must come {, Y, m, d, H or %", 4},
        {"/a/%M", "behind % must come {, Y, m, d, H or %", 4},
        {"/a/%/x", "behind % must come {, Y, m, d, H or %", 4},
        {"/a/%%%", "behind % must come {, Y, m, d, H or %", 6},
        {"/a/%{address", "%{ without }", 4},
        {"/a/%{", "%{ without }", 4},
        {"/a/%{}", "this is none of %{address}, %{listener}, %{facility} and %{severity}", 4},
        {"/a/%{peer}", "this is none of %{address}, %{listener}, %{facility} and %{severity}", 4},
        {"/a/%{Address}", "this is none of %{address}, %{listener}, %{facility} and %{severity}",
         4},
        {"/a/%{address }", "this is none of %{address}, %{listener}, %{facility} and %{severity}",
         4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct path_template template = {.folder_len = 77}, untouched = template;
        struct path_fault fault;
        char *text = (char *)exact_copy(faults[i].text, strlen(faults[i].text) + 1);
        assert_int_equal(path_template_parse(text, &template, &fault), -EINVAL);
        assert_string_equal(fault.reason, faults[i].reason);
        assert_int_equal(fault.position, faults[i].position);
        assert_memory_equal(&template, &untouched, sizeof template);
        free(text);
    }
}

static void refuses_names_and_paths_that_may_become_too_long(void **state)
{
    (void)state;
    for (size_t len = 195; len <= 205; len++) {
        struct bytes text = {0};
        struct path_template template;
        struct path_fault fault;
        bytes_add_text(&text, "/short/");
        bytes_repeat(&text, 'x', len);
        bytes_add(&text, "%{address}", sizeof "%{address}"); /* with its NUL; 56 at most */
        int result = path_template_parse((char *)text.data, &template, &fault);
        assert_int_equal(result, len + 56 <= 255 ? 0 : -EINVAL);
        if (result < 0) {
            assert_string_equal(fault.reason, "a name that may become longer than 255 bytes");
            assert_int_equal(fault.position, 8);
        }
        bytes_done(&text);
    }
    for (size_t len = 4090; len <= 4100; len++) {
        struct bytes text = {0};
        struct path_template template;
        struct path_fault fault;
        char path[PATH_TEMPLATE_ROOM];
        for (size_t i = 0; i < len; i++)
            bytes_repeat(&text, i % 200 == 0 && i + 1 < len ? '/' : 'x', 1);
        bytes_repeat(&text, 0, 1);
        int result = path_template_parse((char *)text.data, &template, &fault);
        assert_int_equal(result, len < PATH_TEMPLATE_ROOM ? 0 : -EINVAL);
        if (result == 0)
            assert_int_equal(path_template_expand(&template, &values, path, sizeof path), len);
        else
            assert_string_equal(fault.reason, "the path may become longer than 4095 bytes");
        bytes_done(&text);
    }
}

static void writes_nothing_behind_its_room(void **state)
{
    const char *wanted = "/log/192.0.2.7/2026";
    struct path_template template;
    struct path_fault fault;

    (void)state;
    assert_int_equal(path_template_parse("/log/%{address}/%Y", &template, &fault), 0);
    for (size_t room = 0; room <= strlen(wanted) + 3; room++) {
        char *dst = (char *)exact_copy("0123456789012345678901234567890", room);
        int n = path_template_expand(&template, &values, dst, room);
        if (room > strlen(wanted)) {
            assert_int_equal(n, strlen(wanted));
            assert_string_equal(dst, wanted);
        } else {
            assert_int_equal(n, -ENAMETOOLONG);
        }
        free(dst);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_place),
        cmocka_unit_test(says_which_places_it_has),
        cmocka_unit_test(makes_a_part_of_a_name_of_any_value),
        cmocka_unit_test(writes_a_time_of_its_width_whatever_it_is),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(refuses_names_and_paths_that_may_become_too_long),
        cmocka_unit_test(writes_nothing_behind_its_room),
    };

    return cmocka_run_group_tests_name("path_template", tests, NULL, NULL);
}
