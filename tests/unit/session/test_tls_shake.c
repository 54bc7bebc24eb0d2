/* SPDX-License-Identifier: MIT
 *
 * What stands before a handshake: a PROXY header that comes in pieces, and the next one just when
 * the first one is looked at. The transport is here without its module.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/session/conn.h"
#include "os/module.h"
#include "os/net.h"
#include "support/rig.h"

extern const struct transport_module transport_module;

/* In the place of the one that loads modules. */
const void *module_symbol(const char *name, const char *symbol, const char **ret_why)
{
    (void)name;
    *ret_why = "there is no such thing here";
    return strcmp(symbol, "transport_module") == 0 ? &transport_module : NULL;
}

static const char first_version[] = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 514\r\n";
static const char second_version[] =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\x12\x67\2\2";

static struct broker log_broker;
static struct rig rig;
static uint32_t slot;
static int client;
static const char *late; /* what the client says when it is asked how much is there; or NULL */
static size_t late_bytes;

/* In the place of the C library's: net_unread() asks. */
int __wrap_ioctl(int fd, unsigned long request, int *result);
int __real_ioctl(int fd, unsigned long request, int *result);

int __wrap_ioctl(int fd, unsigned long request, int *result)
{
    const char *text = late;

    late = NULL; /* rig_say() asks, too */
    if (text != NULL)
        rig_say(&rig, slot, client, text, late_bytes);
    return __real_ioctl(fd, request, result);
}

static void begin(void)
{
    broker = &log_broker;
    rig_begin(&rig, &(struct rig_plan){.kind = &broker_prompt, .proxy = true});
    assert_true(transport_exists(TRANSPORT_TLS));
    slot = rig_connect(&rig, &client);
    rig.ledger->slots[slot].transport = TRANSPORT_TLS;
}

static void end(void)
{
    (void)close(client); /* the test is over */
    rig_end(&rig);
}

static enum established look(void)
{
    struct establishing with = {
        .snapshot = &rig.snapshot, .preface = rig.preface, .counters = rig.worker->counters,
        .signatures = 1,
    };

    return conn_establish(&rig.table, slot, &with);
}

/* A header whose first CUT bytes are looked at, when the rest comes. */
static void goes_on(const char *header, size_t len, size_t cut)
{
    begin();
    const struct slot *data = &rig.ledger->slots[slot];
    rig_say(&rig, slot, client, header, cut);
    late = header + cut;
    late_bytes = len - cut;
    assert_int_equal(look(), ESTABLISHES);
    (void)net_unread(rig.table.conns[slot].fd); /* it comes now at the latest */
    assert_int_equal(look(), ESTABLISHES); /* it waits for the handshake now */
    assert_int_equal(data->stream.received, len);
    assert_int_equal(data->stream.awaits_proxy, 0);
    assert_int_equal(data->peer.port, 4711);
    end();
}

static void a_header_may_go_on_while_it_is_looked_at(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < sizeof first_version - 1; cut++)
        goes_on(first_version, sizeof first_version - 1, cut);
    for (size_t cut = 1; cut < sizeof second_version - 1; cut++)
        goes_on(second_version, sizeof second_version - 1, cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_may_go_on_while_it_is_looked_at),
    };

    return cmocka_run_group_tests_name("tls_shake", tests, NULL, NULL);
}
