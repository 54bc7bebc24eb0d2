/* SPDX-License-Identifier: MIT
 *
 * Fuzz PRI, the records it decides, and the names of facilities and severities. The
 * whole input is the text of one message, and then a name.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "peerlog/limits.h"
#include "peerlog/record.h"
#include "support/intake.h"
#include "support/oracle.h"

/* No PRI is longer; behind it nothing changes any more. */
#define ENOUGH_BYTES 24u

/* Every beginning of the text: the probe goes one way, and says what the oracle says. */
static void check_probe(const uint8_t *text, size_t len)
{
    enum priority_probe before = PRIORITY_UNDECIDED;

    for (size_t n = 0; n <= len && n <= ENOUGH_BYTES; n++) {
        unsigned char *exact = exact_copy(text, n);
        int value = -1;
        size_t form = oracle_pri(exact, n, &value);
        uint8_t read = 0;
        enum priority_probe now = priority_probe(exact, n);

        require(before == PRIORITY_UNDECIDED || now == before, "a decision stands");
        require((now == PRIORITY_PRESENT) == (form > 0), "a PRI is what the oracle says");
        require(now != PRIORITY_UNDECIDED || n <= PEERLOG_MAX_PRI_DIGITS + 1,
                "the decision comes soon");
        require(priority_parse(exact, n, &read) == (value >= 0 ? form : 0) &&
                    read == (value >= 0 ? value : 0),
                "a PRI is worth what the oracle says");
        before = now;
        free(exact);
    }
}

static void check_record(const uint8_t *text, size_t len, const struct record_rules *rules)
{
    struct frame frame = {.text = text, .len = (uint32_t)len};
    struct record record = {0};
    uint8_t before = 0;

    record_from_frame(&frame, rules, &before, &record);
    require(record.text >= text && record.text + record.len == text + len,
            "a record is the end of its frame");
    require(record.priority <= PEERLOG_MAX_PRI && record.priority + 1 == before,
            "a priority is in range");
    require(priority_severity(record.priority) >= rules->highest_severity,
            "no peer is more severe than allowed");
    require(rules->mode != PRIORITY_MODE_IGNORE || record.text == text, "ignored is untouched");
    require(rules->mode == PRIORITY_MODE_FULL ||
                priority_facility(record.priority) == priority_facility(rules->priority),
            "the facility is the listener's");
    require(rules->allow_kern || priority_facility(record.priority) != FACILITY_KERN,
            "the kernel's facility is not a peer's");
    for (const uint8_t *t = text; t < record.text; t++)
        require(*t == ' ' || *t == '<' || *t == '>' || (*t >= '0' && *t <= '9'),
                "only spaces and a PRI go");
}

static void check_names(const uint8_t *text, size_t len)
{
    struct bytes name = {0};

    bytes_add(&name, text, len);
    bytes_repeat(&name, '\0', 1);
    int severity = severity_from_name((char *)name.data);
    int facility = facility_from_name((char *)name.data);
    require(severity == -EINVAL || (severity >= 0 && severity <= SEVERITY_DEBUG),
            "a severity is in range");
    require(facility == -EINVAL || (facility >= 0 && facility <= (int)FACILITY_MAX),
            "a facility is in range");
    if (severity >= 0)
        require(severity_from_name(severity_name((unsigned)severity)) == severity,
                "a severity's name leads back");
    if (facility >= 0)
        require(facility_from_name(facility_name((unsigned)facility)) == facility,
                "a facility's name leads back");
    bytes_done(&name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_probe(data, size);
    if (size > 0)
        for (unsigned mode = PRIORITY_MODE_SEVERITY; mode <= PRIORITY_MODE_IGNORE; mode++)
            for (unsigned highest = SEVERITY_EMERG; highest <= SEVERITY_INFO; highest++)
                for (int kern = 0; kern <= 1; kern++)
                    check_record(data, size, &(struct record_rules){
                        (uint8_t)mode, (uint8_t)highest, 30, kern != 0});
    check_names(data, size);
    return 0;
}
