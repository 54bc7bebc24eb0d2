#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a JetStream stream with discard=new refuses a message that would take it over
# max_bytes, as it does with max_msgs, so that nothing acknowledged is ever lost to a limit. With
# nats-server 2.9.10 it depends on the number: of messages that are stored in 136 bytes each, a
# max_bytes of 1000 refuses the eighth with error 10077, and one of 1062 acknowledges it and throws the
# first away, and so on with each, as if admission and the limit did not count alike.
# nats-server 2.10.27 refuses it in both cases.
#
# It matters to who takes acknowledgements for receipts on Debian 12: limit such a stream by
# max_msgs, which is exact.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm nats-server=2.9.10-1+b3
    fetch trixie nats-server=2.10.27-1+b2
}

# Publish ten messages of 100 bytes into a stream of so many bytes, and read what is left.
publish() { # BYTES
    python3 - "$1" <<'END'
import json, socket, sys

wire = socket.create_connection(("127.0.0.1", 4222), 20)
file = wire.makefile("rb")

def request(subject, data):
    wire.sendall(b"PUB %s answer %d\r\n%s\r\n" % (subject.encode(), len(data), data))
    while not (line := file.readline()).startswith(b"MSG"):
        if line.startswith(b"PING"):
            wire.sendall(b"PONG\r\n")
    return json.loads(file.read(int(line.split()[-1]) + 2))

def api(call, **fields):
    answer = request("$JS.API." + call, json.dumps(fields).encode())
    assert "error" not in answer, answer
    return answer

wire.sendall(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n')
api("STREAM.CREATE.S", name="S", subjects=["logs.a"], storage="file", discard="new",
    max_bytes=int(sys.argv[1]))
answers = [request("logs.a", b"x" * 100) for _ in range(10)]
codes = sorted({answer["error"]["err_code"] for answer in answers if "error" in answer})
state = api("STREAM.INFO.S")["state"]
print(sum("error" not in answer for answer in answers), "acknowledged, kept",
      f"{state['first_seq']} to {state['last_seq']}, errors {codes}")
api("STREAM.DELETE.S")
END
}

look() {
    local suite
    for suite in bookworm trixie; do
        launch $suite /usr/sbin/nats-server -a 127.0.0.1 -p 4222 -js -sd /tmp/$suite-store \
            >$suite.log 2>&1
        until_true listening 4222
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
