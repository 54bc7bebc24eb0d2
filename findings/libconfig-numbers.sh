#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a number in a configuration file means the same with each version of the
# library that reads it, and one too large for its type is refused. With libconfig, 010514 is
# 10514 in 1.5, octal 4428 in 1.7.3, and 10514 again in 1.8.2; 08 is 8, an error, and 8. 1.5
# reads 4294967295 as -1 and 99999999999999999999, too, without a word; 0xffffffff is -1 in all
# three. A comma behind the last element is an error in 1.5 alone, 0b11 and 0o17 are numbers in
# 1.8.2 alone.
#
# It matters to a port, a mode or a limit with a leading zero: the file that Debian 12 reads well
# has another meaning on Debian 13. No version tells a caller how the number was written, so a
# program that wants to refuse such a number has to look at the text itself.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

SUITES=(bookworm trixie sid)

get() {
    command -v gcc >/dev/null || cannot "there is no gcc"
    fetch bookworm libconfig-dev=1.5-0.4
    fetch trixie libconfig-dev=1.7.3-2
    fetch sid libconfig-dev=1.8.2+ds-1
    for suite in "${SUITES[@]}"; do build "$suite"; done
}

# The reader for one suite: with its library and libconfig.h, but this machine's C library's own.
build() { # SUITE
    mkdir "$WORK/include-$1"
    cp "$WORK/$1/usr/include/libconfig.h" "$WORK/include-$1"
    gcc -x c -o "$WORK/reader-$1" -I "$WORK/include-$1" - -x none \
        "$WORK/$1"/usr/lib/*/libconfig.so -Wl,--allow-shlib-undefined <<'END'
#include <libconfig.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char text[100];
    config_t config;
    config_setting_t *setting;

    config_init(&config);
    snprintf(text, sizeof text, "value = %s;", argv[argc - 1]);
    if (!config_read_string(&config, text)) return puts(config_error_text(&config)) < 0;
    setting = config_lookup(&config, "value");
    if (config_setting_is_aggregate(setting)) return puts("taken") < 0;
    return printf("%lld\n", config_setting_get_int64(setting)) < 0;
}
END
}

means() { # TEXT WITH-1.5 WITH-1.7.3 WITH-1.8.2
    local seen=() suite
    for suite in "${SUITES[@]}"; do
        seen+=("$(within "$suite" "/tmp/reader-$suite" "$1")")
    done
    expect "$1" "$2 | $3 | $4" "${seen[0]} | ${seen[1]} | ${seen[2]}"
}

look() {
    means 010514 10514 4428 10514
    means 08 8 "syntax error" 8
    means 4294967295 -1 4294967295 4294967295
    means 99999999999999999999 -1 "syntax error" "syntax error"
    means 0xffffffff -1 -1 -1
    means '[ "a", ]' "syntax error" taken taken
    means 0b11 "syntax error" "syntax error" 3
    means 0o17 "syntax error" "syntax error" 15
}

finding
