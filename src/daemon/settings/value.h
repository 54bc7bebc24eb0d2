/* SPDX-License-Identifier: MIT
 *
 * One value of the settings file: if it is what the table allows, it goes to its place;
 * if not, there is a fault that says what would be right. Knows no syntax, no library.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_VALUE_H
#define PEERLOG_DAEMON_SETTINGS_VALUE_H

#include <stdbool.h>

#include "daemon/settings/faults.h"
#include "daemon/settings/table.h"
#include "peerlog/cidr.h"

enum value_type {
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_SWITCH,
    VALUE_TEXT,
    VALUE_GROUP,
    VALUE_LIST,
};

struct setting_value {
    enum value_type type;
    unsigned line;    /* of the file */
    long long number; /* of an integer; of a switch, 0 or 1 */
    double real;      /* of a number with a fraction */
    const char *text; /* of a text; not owned */
};

/* Where a value belongs, and where its faults go. */
struct value_place {
    const struct setting_rule *rule;
    void *base;            /* the structure of the rule's group */
    const char *path;      /* the setting's full name, such as listeners[1].port */
    struct faults *faults;
};

/* Check a value against the rule of a single value, and store it or note the fault. */
void value_store(const struct value_place *place, const struct setting_value *value);

/*
 * Check one element of a list of address ranges, or note its fault.
 * Answers: was it good, and is *ret_range set?
 */
bool value_read_range(const struct value_place *place, const struct setting_value *value,
                      struct cidr *ret_range);

/* Note that this value is not of the type the rule wants. */
void value_refuse_type(const struct value_place *place, const struct setting_value *value);

#endif
