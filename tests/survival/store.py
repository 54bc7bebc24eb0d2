# SPDX-License-Identifier: MIT
"""A service manager that refuses to keep descriptors, which it does without a word.

The daemon must notice by itself, say so once it is ready, and not leave to a next process what
no next process will get. The trial by which it notices does not add up.
"""

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
                assert [r.text for r in sink.wait_count(2)] == [b"whole", b"[cut] begun"]
                assert sock.recv(1) == b"", "closed in good order"
                assert service.said("to the next process") == 0
                service.manager.refused = 0  # as it was meant


def one_trial_is_kept_and_no_more(scratch):
    with surviving(scratch) as (service, _):
        for how in (service.restart, service.die, service.die):
            until(lambda: service.manager.stored() and service.manager.names().get("trial") == 1,
                  "the trial to be stored")
            how()
        assert service.said("refuses to keep") == 0


main(a_store_that_refuses_is_noticed, one_trial_is_kept_and_no_more)
