#!/bin/bash
# SPDX-License-Identifier: MIT
#
# One would expect: a sender of RELP, the protocol made for not losing messages, sends a message
# again that was answered with 500, or gives it up and goes on. omrelp of rsyslog 8.2302, 8.2504
# and 8.2610 gives it up for good, even with action.resumeRetryCount="-1", and breaks the session as
# well, but not at once: it does nothing until there is a next message, which it sends on
# a new connection.
#
# It matters to a receiver: 500 is no "not now, please again". What it cannot take at the moment
# it must leave unanswered; that is sent again after a reconnect.
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"

get() {
    fetch bookworm rsyslog-relp=8.2302.0-1+deb12u2
    fetch trixie rsyslog-relp=8.2504.0-1+deb13u2
    fetch sid rsyslog-relp=8.2610.0-1
}

# Answer "a" with 200, "b" with 500, and say what comes then: for 3 s, and with "c" and "d".
receive() {
    python3 - <<'END'
import re, socket, time

server = socket.create_server(("127.0.0.1", 5140))
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(400):
    try:
        log.connect("in.sock")
        break
    except OSError:
        time.sleep(0.05)

class Session:
    def __init__(self):
        self.socket, _ = server.accept()
        self.socket.settimeout(20)
        self.file = self.socket.makefile("rb")
        number, _, offers = self.frame()
        self.answer(number, b"200 OK\n" + offers)

    def frame(self):
        number, command, length = re.match(rb"(\d+) (\w+) (\d+)", self.head()).groups()
        data = self.file.read(int(length) + 1)[:-1] if int(length) else b""
        return number, command, data

    def head(self):
        head = b""
        while not re.fullmatch(rb"\d+ \w+ (\d+ |0\n)", head):
            head += self.file.read(1)
        return head

    def answer(self, number, text):
        self.socket.sendall(b"%s rsp %d %s\n" % (number, len(text), text))

    def message(self, text):
        number, _, data = self.frame()
        self.answer(number, text)
        return data.decode().split()[-1]

def send(text):
    log.send(b"<13>x: " + text)

send(b"a")
first = Session()
told = [first.message(b"200 OK")]
send(b"b")
told.append(first.message(b"500 refused") + " refused")
first.socket.settimeout(3)
try:
    told.append("closed" if not first.socket.recv(1) else "sent")
except TimeoutError:
    told.append("nothing")
send(b"c")
second = Session()
told.append("reconnected " + second.message(b"200 OK"))
send(b"d")
told.append(second.message(b"200 OK"))
print(", ".join(told))
END
}

look() {
    local suite
    cat >rsyslog.conf <<'END'
module(load="imuxsock" syssock.use="off")
module(load="omrelp")
input(type="imuxsock" socket="/tmp/in.sock")
template(name="text" type="string" string="<%pri%>%msg%")
action(type="omrelp" target="127.0.0.1" port="5140" template="text"
       action.resumeRetryCount="-1" action.resumeInterval="1")
END
    for suite in bookworm trixie sid; do
        launch $suite /usr/sbin/rsyslogd -n -i /tmp/rsyslog.pid -f /tmp/rsyslog.conf \
            >$suite.log 2>&1
        expect "$suite" "a, b refused, nothing, reconnected c, d" "$(receive)"
        kill $!
        wait $! || true
        rm -f in.sock
    done
}

finding
