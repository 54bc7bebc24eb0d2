# SPDX-License-Identifier: MIT
"""A service manager that refuses to keep descriptors, which it does without a word.

The daemon must notice by itself, say so once it is ready, and not leave to a next process what
no next process will get. Of the trial by which it notices nothing may be left.
"""

import os

from survival import Service, connect, main, new_sink, surviving, until


def a_store_that_refuses_is_noticed(scratch):
    """With FileDescriptorStoreMax=0, and with less than is needed."""
    for most in (0, 2):
        with new_sink("syslog", scratch) as sink:
            service = Service(scratch, sink)
            service.manager.store_max = most
            with service:
                service.expect("refuses to keep descriptors, because FileDescriptorStoreMax=")
                until(lambda s=service: "do not outlive" in s.manager.status(), "the status line")
                sock = connect(service.port)
                sock.sendall(b"whole\nbegun")
                sink.wait_count(1)
                service.stop()  # what cannot be left is delivered
                assert [r.text for r in sink.wait_count(2)] == [b"whole", b"begun"]
                assert sock.recv(1) == b"", "closed in good order"
                assert service.said("to the next process") == 0
                service.manager.refused = 0  # as it was meant


def nothing_is_left_of_the_trial(scratch):
    with surviving(scratch) as (service, _):
        until(lambda: service.manager.stored() and "trial" not in service.manager.names(),
              "the trial to be over")
        service.kill()
        # It died in the middle of the trial.
        read_end, write_end = os.pipe()
        os.close(write_end)
        service.manager.keep("trial", read_end)
        service.begin()
        until(lambda: service.manager.stored() and "trial" not in service.manager.names(),
              "the trial to be over again")


main(a_store_that_refuses_is_noticed, nothing_is_left_of_the_trial)
