#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a JetStream stream with the retention "workqueue", which removes a message
# when a consumer has acknowledged it, keeps it until then, and refuses new ones when it is full.
# When it is full it throws away the oldest, which no consumer has seen, and acknowledges each
# publication: of 100 acknowledged messages 90 are gone, and neither a publisher nor the
# server's log is told. "discard" is "old" by default, for this retention, too; with "new" the
# eleventh is refused with error 10077. So nats-server 2.9.10 and 2.10.27.
#
# It matters to who sends logs there: an acknowledgement is no receipt for a message, unless the
# stream has discard=new, and a full stream is then back-pressure: wait, and send again.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() { fetch_nats; }

# Publish a hundred messages into a work queue of ten that has a consumer, and read what is left.
publish() { # DISCARD
    ask_nats "$1" <<'END'
settings = {"discard": sys.argv[1]} if sys.argv[1] else {}
api("STREAM.CREATE.S", name="S", subjects=["log"], storage="memory", retention="workqueue",
    max_msgs=10, **settings)
api("CONSUMER.DURABLE.CREATE.S.C", stream_name="S",
    config={"durable_name": "C", "ack_policy": "explicit"})
tell_kept([request("log", b"message %d" % number) for number in range(1, 101)])
END
}

look() {
    local suite
    for suite in bookworm trixie; do
        launch_nats $suite
        expect "$suite: default" "100 acknowledged, kept 91 to 100, errors []" "$(publish '')"
        expect "$suite: warnings in its log" 0 "$(grep -cE '\[(WRN|ERR)\]' $suite.log || true)"
        expect "$suite: discard=new" "10 acknowledged, kept 1 to 10, errors [10077]" \
            "$(publish new)"
        kill $!
        wait $! || true
    done
}

finding
