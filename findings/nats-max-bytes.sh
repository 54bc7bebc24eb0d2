#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a JetStream stream with discard=new refuses a message that would take it over
# max_bytes, as it does with max_msgs, so that nothing acknowledged is ever lost to a limit. With
# nats-server 2.9.10 it depends on the number: of messages that are stored in 136 bytes each, a
# max_bytes of 1000 refuses the eighth with error 10077, and one of 1062 acknowledges it and
# throws the first away, and so on with each, as if admission and the limit did not count alike.
# nats-server 2.10.27 refuses it in both cases.
#
# It matters to who takes acknowledgements for receipts on Debian 12: limit such a stream by
# max_msgs, which is exact.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() { fetch_nats; }

# Publish ten messages of 100 bytes into a stream of so many bytes, and read what is left.
publish() { # BYTES
    ask_nats "$1" <<'END'
api("STREAM.CREATE.S", name="S", subjects=["logs.a"], storage="file", discard="new",
    max_bytes=int(sys.argv[1]))
tell_kept([request("logs.a", b"x" * 100) for _ in range(10)])
END
}

look() {
    local suite
    for suite in bookworm trixie; do
        launch_nats $suite
        expect "$suite: max_bytes=1000" "7 acknowledged, kept 1 to 7, errors [10077]" \
            "$(publish 1000)"
        if [ $suite = bookworm ]; then
            expect "$suite: max_bytes=1062" "10 acknowledged, kept 4 to 10, errors []" \
                "$(publish 1062)"
        else
            expect "$suite: max_bytes=1062" "7 acknowledged, kept 1 to 7, errors [10077]" \
                "$(publish 1062)"
        fi
        kill $!
        wait $! || true
    done
}

finding
