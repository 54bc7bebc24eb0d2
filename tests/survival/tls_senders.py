# SPDX-License-Identifier: MIT
"""The programs that people send logs with, over TLS, while the service is restarted and killed.

rsyslog by GnuTLS and by OpenSSL, syslog-ng, HAProxy's ring, stunnel, and programs that send their
standard input each deliver a numbered stream over one connection. They do not notice: nothing is
lost, nothing is reordered, and there is one peer from the beginning to the end. A program that is
not installed is skipped.
"""

import contextlib

from senders import BY_INPUT, SENDERS, check, paced
from survival import (LONG, Authority, Service, Skip, folder, main, new_random, new_sink,
                      tell_skipped)

COUNT = 20000 if LONG else 6000
KILLS = 200 if LONG else 12


@contextlib.contextmanager
def scene(scratch):
    authority = Authority(scratch)
    own = authority.issue("localhost")
    with new_sink("syslog", scratch) as sink, \
            Service(scratch, sink, listeners=[own.settings()]) as service:
        service.allow(r"died \d+ times in a row soon after its start", "said nothing")
        yield service, sink, authority


def deaths_of(service):
    """A restart now and then, and kills."""
    return [service.restart if number % 4 == 3 else service.die for number in range(KILLS)]


def one(name):
    def test(scratch):
        with scene(scratch) as (service, sink, authority), \
                SENDERS[name](scratch, service.port, authority.file) as send:
            paced([send], sink, COUNT, deaths_of(service), new_random())
            check(sink, COUNT)
    test.__name__ = name
    return test


def programs_that_send_their_input(scratch):
    """s_client, gnutls-cli, ncat, socat, node, Python and Java at once; they end as they do."""
    count = COUNT // 4
    with scene(scratch) as (service, sink, authority):
        with contextlib.ExitStack() as stack:
            sends = []
            for name, sender in BY_INPUT.items():
                try:
                    sends.append(stack.enter_context(
                        sender(folder(scratch, name), service.port, authority.file)))
                except Skip as reason:
                    tell_skipped(name, reason)
            if not sends:
                raise Skip("none of them is installed")
            paced(sends, sink, count, deaths_of(service), new_random())
        check(sink, count, len(sends))


if __name__ == "__main__":
    main(*(one(name) for name in SENDERS if name not in BY_INPUT), programs_that_send_their_input)
