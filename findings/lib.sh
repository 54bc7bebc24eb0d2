# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the findings share. A script says what it needs in get(), what it tries in look(), and
# calls finding. get() runs with the network and fills roots under $WORK with pinned packages;
# look() runs as process 1 of namespaces of its own: no network but 127.0.0.1, and nothing
# outlives it.
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LIMIT_S=120
CANNOT=77
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

cannot() { # WHY
    printf '%s: cannot be tried: %s\n' "${0##*/}" "$*" >&2
    exit $CANNOT
}

# Print what was seen; end with 1 when it is not what the finding says.
expect() { # WHAT WANTED SEEN
    printf '%-46s %s\n' "$1" "$3"
    [ "$2" = "$3" ] || { printf 'CHANGED, it was: %s\n' "$2"; exit 1; }
}

# Wait until a command succeeds.
until_true() { # COMMAND...
    local end=$((SECONDS + 20))
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "waited in vain for: $*"; exit 1; }
        sleep 0.05
    done
}

listening() { # PORT
    ss -Hltn "sport = :$1" | grep -q .
}

# --- packages ---

# This machine's own sources of its release, for SUITE, as lines of sources.list.
sources_for() { # SUITE
    local release
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$release" ] || return 0
    # The fields are apt's.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u | while read -r uri suite component; do
            case $suite in
            "$release") suite=$1 ;;
            "$release"-*) [ "$1" != sid ] || continue; suite=$1${suite#"$release"} ;;
            *) continue ;;
            esac
            echo "deb [signed-by=$KEYRING] $uri $suite $component"
        done
}

# An apt that knows SUITE, no installed package, and nothing of this machine's state.
make_apt() { # SUITE FOLDER
    mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
    : >"$2/status"
    sources_for "$1" >"$2/sources.list"
    [ -s "$2/sources.list" ] || cannot "apt has no source for this machine's own release"
    cat >"$2/apt.conf" <<END
Dir::State "$2";
Dir::State::lists "$2/lists";
Dir::State::status "$2/status";
Dir::Cache "$2/cache";
Dir::Etc::sourcelist "$2/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
END
    APT_CONFIG=$2/apt.conf apt-get -qq update >"$2/log" 2>&1 || true # some may have no SUITE
}

# Unpack packages and all they depend on into $WORK/SUITE; no maintainer script is run.
fetch() { # SUITE NAME=VERSION...
    local suite=$1 apt=$WORK/apt-$1 archive
    shift
    make_apt "$suite" "$apt"
    APT_CONFIG=$apt/apt.conf apt-get -qq -y --download-only install "$@" >>"$apt/log" 2>&1 ||
        cannot "$suite does not offer $*: $(grep '^E:' "$apt/log" | head -n 1)"
    mkdir -p "$WORK/$suite"/{proc,dev,sys,run,tmp,etc,usr/{bin,sbin,lib,lib64}}
    ln -s usr/{bin,sbin,lib,lib64} "$WORK/$suite"
    for archive in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$archive" |
            tar -x --keep-directory-symlink --no-same-owner -C "$WORK/$suite"
    done
    printf '%s: %s\n' "$suite" "$*"
}

# Make the root of a suite one in which programs run. /tmp is $WORK in there.
furnish() { # SUITE
    mount --rbind /proc "$WORK/$1/proc"
    mount --rbind /dev "$WORK/$1/dev"
    mount --rbind /sys "$WORK/$1/sys"
    mount -t tmpfs tmpfs "$WORK/$1/run"
    mount --bind "$WORK" "$WORK/$1/tmp"
}

# Run a program of $WORK/SUITE with that suite's libraries.
within() { # SUITE COMMAND...
    local suite=$1
    shift
    mountpoint -q "$WORK/$suite/proc" || furnish "$suite"
    PATH=/usr/sbin:/usr/bin chroot "$WORK/$suite" "$@"
}

# The same in the background: $! is the program itself.
launch() { # SUITE COMMAND...
    local suite=$1
    shift
    mountpoint -q "$WORK/$suite/proc" || furnish "$suite"
    (PATH=/usr/sbin:/usr/bin exec chroot "$WORK/$suite" "$@") <&0 &
}

# --- NATS ---

fetch_nats() {
    fetch bookworm nats-server=2.9.10-1+b3
    fetch trixie nats-server=2.10.27-1+b2
}

# A server with JetStream, which listens on port 4222 and logs to SUITE.log: $! is the program.
launch_nats() { # SUITE
    launch "$1" /usr/sbin/nats-server -a 127.0.0.1 -p 4222 -js -sd "/tmp/$1-store" >"$1.log" 2>&1
    until_true listening 4222
}

# Run Python from standard input, with request(SUBJECT, DATA), which returns the answer, and
# api(CALL, FIELD=...), which must not be an error; tell_kept(ANSWERS) says what became of
# messages to the stream S, and deletes it.
ask_nats() { # ARGUMENT...
    cat >nats_client.py <<'END'
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

def tell_kept(answers):
    codes = sorted({answer["error"]["err_code"] for answer in answers if "error" in answer})
    state = api("STREAM.INFO.S")["state"]
    print(sum("error" not in answer for answer in answers), "acknowledged, kept",
          f"{state['first_seq']} to {state['last_seq']}, errors {codes}")
    api("STREAM.DELETE.S")

wire.sendall(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n')
END
    cat nats_client.py - | python3 - "$@"
}

# --- the course of a finding ---

finding() {
    local status=0
    if [ -n "${FINDING_WORK:-}" ]; then
        WORK=$FINDING_WORK
        cd "$WORK"
        ip link set lo up
        look
        return
    fi
    for need in apt-get dpkg-deb unshare ip ss python3; do
        command -v "$need" >/dev/null || cannot "there is no $need"
    done
    unshare --user --map-root-user true 2>/dev/null || cannot "no namespaces for this user"
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    get
    # The first process of a namespace minds no other signal.
    FINDING_WORK=$WORK timeout --signal=KILL "$LIMIT_S" unshare --user --map-root-user --mount \
        --net --pid --fork --kill-child --mount-proc bash "$HERE/${0##*/}" </dev/null || status=$?
    exit "$status"
}
