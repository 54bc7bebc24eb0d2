#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A peerlogd that was built --without-admin takes messages like any other. Where administrators or
# scrapers are to be answered it says once that they cannot be, and what is missing; and where
# nobody asked for them it says nothing.

from administered import MODULE
from support import *

WORDS = (r"administrators and scrapers cannot be answered: this peerlogd was built without "
         r"libmicrohttpd and jansson \(--without-admin\)")


def takes_a_message(daemon, sink):
    with connect(daemon.port) as sock:
        sock.sendall(b"a message\n")
        sink.wait_count(1)


def what_is_missing_is_said(scratch):
    path = os.path.join(scratch, "admin")
    with held_port() as port:
        for settings in dict(admin=dict(path=path)), dict(metrics=dict(port=port)):
            with serving("syslog", scratch, **settings) as (daemon, sink):
                daemon.expect(WORDS)
                takes_a_message(daemon, sink)
                assert daemon.said("cannot be answered") == 1
                assert not os.path.exists(path)
                assert socket.socket().connect_ex(("127.0.0.1", port)) != 0


def nothing_is_said_where_nobody_asks(scratch):
    with serving("syslog", scratch) as (daemon, sink):
        takes_a_message(daemon, sink)


if os.path.exists(MODULE):
    print("skipped: there is " + MODULE)
    sys.exit(77)

main(what_is_missing_is_said,
     nothing_is_said_where_nobody_asks)
