# SPDX-License-Identifier: MIT
"""An upgrade from the daemon before, whose ledger may have another layout.

$PEERLOGD_BEFORE is that program, with its modules beside it. Sixteen connections send as fast as
they are served while it is replaced, in good order and by SIGKILL, with the log taking everything,
and with a log that takes nothing, so that bytes are in hand; in clear, and over TLS with keys that
change, if the program before speaks it. Nothing is lost, and nobody notices.
"""

import os
import re

from survival import (BUILD, PEERLOGD, Authority, Service, Skip, Streams, Tally, judge, main,
                      most_repeats, reporters)

BEFORE = os.environ.get("PEERLOGD_BEFORE")
CONNECTIONS = 16


def upgrade(scratch, kind, how, stalled=False, tls=False):
    if not BEFORE:
        raise Skip("PEERLOGD_BEFORE does not name the program before")
    modules = os.path.dirname(os.path.realpath(BEFORE))
    if tls and not os.path.exists(os.path.join(modules, "peerlogd-tls.so")):
        raise Skip("the program before speaks no TLS")
    more, options = {}, []
    if tls:
        authority = Authority(scratch)
        more["listeners"] = [authority.issue("localhost").settings()]
        options = ["--tls", authority.file, "--updates", "20"]
    with reporters() as running:
        tally = Tally(scratch, kind)
        running.append(tally)
        with Service(scratch, tally, program=BEFORE, environment={"PEERLOGD_MODULES": modules},
                     **more) as service:
            streams = Streams(scratch, service.port, CONNECTIONS, *options)
            running.append(streams)
            tally.wait_records(20000)
            if stalled:
                service.allow("has taken nothing for a while", "is back after")
                tally.stall()
                service.manager.wait_said("messages that wait", lambda f: re.search(
                    r", [1-9]\d* waiting", f.get("STATUS", "")), service.manager.mark())
            getattr(service, how)()
            service.manager.command[0] = PEERLOGD
            service.manager.environment["PEERLOGD_MODULES"] = BUILD
            service.begin()
            tally.resume()
            service.expect(rf"took over {CONNECTIONS} connections, \d+ messages in hand")
            after = tally.records()
            tally.wait_records(after + 20000)
            service.restart()
            verdict = judge([streams], tally, most_repeats(1 if how == "kill" else 0))
        assert verdict.messages > 40000


def in_good_order(scratch):
    upgrade(scratch, "syslog", "stop")


def by_a_kill(scratch):
    upgrade(scratch, "syslog", "kill")


def in_good_order_with_bytes_in_hand(scratch):
    upgrade(scratch, "syslog", "stop", stalled=True)


def by_a_kill_with_bytes_in_hand(scratch):
    upgrade(scratch, "syslog", "kill", stalled=True)


def over_tls_in_good_order(scratch):
    upgrade(scratch, "syslog", "stop", tls=True)


def over_tls_by_a_kill(scratch):
    upgrade(scratch, "syslog", "kill", tls=True)


def over_tls_by_a_kill_with_bytes_in_hand(scratch):
    upgrade(scratch, "syslog", "kill", stalled=True, tls=True)


main(in_good_order, by_a_kill, in_good_order_with_bytes_in_hand, by_a_kill_with_bytes_in_hand,
     over_tls_in_good_order, over_tls_by_a_kill, over_tls_by_a_kill_with_bytes_in_hand)
