#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a JetStream stream that is full and has discard=new refuses a message, which
# can be sent again, with the same Nats-Msg-Id, when there is room. With three replicas
# nats-server 2.10.27 refuses it once, with error 10077. From then on it acknowledges it, as a
# duplicate, with the sequence 0, and stores it never: not when there is room, either, until
# the duplicate window is over or another server leads. The leader notes the identity when it
# proposes the message to the others, and does not forget it when they cannot store it.
# nats-server 2.9.10 refuses it each time, and stores it when there is room.
#
# It matters to who sends again by the same identity: "duplicate" is a receipt only with a
# sequence that is not 0.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() { fetch_nats; }

# Three servers. Sets SERVERS to their processes.
launch_three() { # SUITE
    local i
    SERVERS=()
    for i in 2 3 4; do
        launch "$1" /usr/sbin/nats-server -a 127.0.0.1 -p 422$i -n "n$i" -js -sd "/tmp/$1-$i" \
            --cluster_name c --cluster nats://127.0.0.1:622$i \
            --routes "nats://127.0.0.1:6222,nats://127.0.0.1:6223,nats://127.0.0.1:6224" \
            >"$1-$i.log" 2>&1
        SERVERS+=($!)
    done
    until_true listening 4222
}

# Fill a stream of so many, send one more twice, make room, and send it again.
publish() { # LIMIT
    ask_nats "$1" <<'END'
import time

limit = int(sys.argv[1])
wire.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')

def send(number):
    head = b"NATS/1.0\r\nNats-Msg-Id: m%d\r\n\r\n" % number
    wire.sendall(b"HPUB log answer %d %d\r\n%sx\r\n" % (len(head), len(head) + 1, head))
    while not (line := file.readline()).startswith(b"MSG"):
        if line.startswith(b"PING"):
            wire.sendall(b"PONG\r\n")
    answer = json.loads(file.read(int(line.split()[-1]) + 2))
    if "error" in answer:
        return answer["error"]["err_code"]
    return ("duplicate " if "duplicate" in answer else "stored ") + str(answer["seq"])

def until(works):
    for _ in range(400):
        try:
            return works()
        except (AssertionError, KeyError, json.JSONDecodeError):
            time.sleep(0.05)
    raise SystemExit("it does not come about")

wire.settimeout(60)
until(lambda: api("STREAM.CREATE.S", name="S", subjects=["log"], num_replicas=3, max_msgs=limit,
                  discard="new"))
until(lambda: api("STREAM.INFO.S")["cluster"]["leader"])
for number in range(limit):
    send(number)
seen = [send(limit), send(limit)]
api("STREAM.PURGE.S")
print(*seen, send(limit), sep=", ")
END
}

look() {
    launch_three bookworm
    expect "bookworm: refused, again, with room" "10077, 10077, stored 11" "$(publish 10)"
    kill "${SERVERS[@]}"
    wait "${SERVERS[@]}" || true
    launch_three trixie
    expect "trixie: refused, again, with room" "10077, duplicate 0, duplicate 0" \
        "$(publish 10)"
    kill "${SERVERS[@]}"
    wait "${SERVERS[@]}" || true
}

finding
