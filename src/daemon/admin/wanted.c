/* SPDX-License-Identifier: MIT
 *
 * Queries. What is not known is refused: a misspelt peer= must not end every connection.
 */
#include "config.h"

#include "daemon/admin/wanted.h"

#include <string.h>

#include "peerlog/count.h"

/* Digits alone, up to MOST. Answers: is it such a number? */
static bool read_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (*text == '\0')
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9 || number > (most - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

static const char *take_peer(struct wanted *wanted, const char *value)
{
    if (cidr_parse(value, &wanted->peer) < 0)
        return "peer= wants an address or a range of them, such as 192.0.2.0/24";
    wanted->has_peer = true;
    return NULL;
}

static const char *take_listener(struct wanted *wanted, const char *value)
{
    if (*value == '\0' || strlen(value) >= sizeof wanted->listener)
        return "listener= wants the tag of a listener";
    memcpy(wanted->listener, value, strlen(value) + 1);
    return NULL;
}

static const char *take_order(struct wanted *wanted, const char *value)
{
    static const char *const orders[] = {[ORDER_BY_RATE] = "rate", [ORDER_BY_BYTES] = "bytes",
                                         [ORDER_BY_IDLE] = "idle",
                                         [ORDER_BY_WAITING] = "waiting"};

    for (size_t i = ORDER_BY_RATE; i < COUNT_OF(orders); i++)
        if (strcmp(value, orders[i]) == 0) {
            wanted->order = (enum wanted_order)i;
            return NULL;
        }
    return "sort= wants rate, bytes, idle or waiting";
}

static const char *take_limit(struct wanted *wanted, const char *value)
{
    uint64_t number;

    if (!read_number(value, PEERLOG_MAX_CONNECTIONS, &number) || number == 0)
        return "limit= wants a number from 1 to 1000000";
    wanted->limit = (uint32_t)number;
    return NULL;
}

static const char *take_busiest(struct wanted *wanted, const char *value)
{
    uint64_t number;

    if (!read_number(value, WANTED_BUSIEST, &number))
        return "busiest= wants a number from 0 to 10";
    wanted->has_busiest = true;
    wanted->busiest = (uint32_t)number;
    return NULL;
}

static const char *take_now(struct wanted *wanted, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return "now= wants 0 or 1";
    wanted->now = *value == '1';
    return NULL;
}

const char *wanted_take(struct wanted *wanted, const char *name, const char *value)
{
    static const struct {
        const char *name;
        const char *(*take)(struct wanted *wanted, const char *value);
    } names[] = {
        {"peer", take_peer}, {"listener", take_listener}, {"sort", take_order},
        {"limit", take_limit}, {"now", take_now}, {"busiest", take_busiest},
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].take(wanted, value != NULL ? value : "");
    return "it may have peer=, listener=, sort=, limit=, now= and busiest=";
}

bool wanted_take_id(struct wanted *wanted, const char *text)
{
    wanted->has_id = read_number(text, UINT64_MAX, &wanted->id);
    return wanted->has_id;
}
