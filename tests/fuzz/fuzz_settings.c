/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the settings file: whatever they are, the promises hold.
 */
#include "config.h"

#include "fuzz/fuzz.h"
#include "support/settings.h"

/*
 * Asked by AddressSanitizer: libconfig 1.5 loses memory in each error of syntax, and to find
 * out whose it was would take most of the time. The unit tests look for leaks of ours.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    settings_keep_promises((const char *)data, size);
    return 0;
}
