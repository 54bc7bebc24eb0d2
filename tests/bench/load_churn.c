/* SPDX-License-Identifier: MIT
 *
 * Churn: connect, send one message, close; the next connection follows at once. No
 * answer is waited for, as scripts and dying programs do it. Only so many are ahead
 * of the sink as wait in the listener's queue without a loss of SYNs.
 */
#include "config.h"

#include "load.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define LAG_NS (NS_PER_S / 5000)

/* Wait until the sink has come near enough. Answers: has it? */
static bool wait_for_sink(const struct load_plan *plan, const struct progress *page, uint64_t sent)
{
    uint64_t limit = now_ns() + plan->patience_ns;

    while (sent - __atomic_load_n(&page->received, __ATOMIC_ACQUIRE) >= plan->lead) {
        uint64_t ns = now_ns();
        if (ns >= limit || stop_wanted())
            return false;
        sleep_until_ns(ns + LAG_NS);
    }
    return true;
}

/* One connection from its beginning to its end. Answers: did it say everything? */
static bool visit(const struct load_plan *plan, struct load_shape *shape, uint64_t index)
{
    struct mark mark = {.id = plan->first_id + (uint32_t)index, .sent_ns = now_ns()};
    int fd = load_connect(plan, index);

    if (fd < 0)
        return false;
    shape_fill(shape, 1, &mark);
    bool whole = send(fd, shape->bytes, shape->unit, MSG_NOSIGNAL) == (ssize_t)shape->unit;
    return close(fd) == 0 && whole;
}

void load_churn(const struct load_plan *plan, struct load_result *ret_result)
{
    struct progress *page = progress_map(plan->progress);
    struct load_shape shape;
    uint64_t max = plan->count > 0 ? plan->count : MARK_MAX_ID - plan->first_id;
    uint64_t index = 0;

    shape_init(&shape, plan);
    ret_result->began_ns = now_ns();
    while (index < max && !stop_wanted()) {
        if (plan->duration_ns > 0 && now_ns() >= ret_result->began_ns + plan->duration_ns)
            break;
        if (!wait_for_sink(plan, page, ret_result->sent))
            break;
        if (visit(plan, &shape, index++))
            ret_result->sent++;
        else
            ret_result->broken++;
    }
    ret_result->ended_ns = now_ns();
    shape_done(&shape);
}
