# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts share: how they talk, how they ask, how they find out what a machine
# lacks and install it, and how they configure and build. To be sourced by bash.
#
# A requirement is a word: a program (make), a pkg-config module (lib:libconfig), or something
# the compiler must be able to do (can:compile). Looking never needs rights or the network.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
JOBS=$(nproc 2>/dev/null || echo 2)
PATH=$PATH:/usr/sbin:/sbin # where ss, haproxy and others are, though not for every user

# --- talking ---

if [ -t 1 ]; then BOLD=$'\e[1m' PLAIN=$'\e[0m'; else BOLD='' PLAIN=''; fi

say() { printf '%s\n' "$*"; }
head_line() { printf '%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { # STATUS MESSAGE...
    local status=$1
    shift
    complain "$*"
    exit "$status"
}

# Somebody sits there and can answer.
is_interactive() { [ -t 0 ] && [ "${CI:-}" != true ]; }

# Ask a yes-or-no question; Enter means yes. Without a person the answer is yes.
confirm() {
    local answer
    is_interactive || return 0
    read -r -p "$* [Y/n] " answer || return 1
    case $answer in '' | [Yy]*) return 0 ;; *) return 1 ;; esac
}

# --- what is missing ---

have() { command -v "$1" >/dev/null 2>&1; }

# Does this compile and link?  try_compile CC [FLAG]... <source
try_compile() {
    local out status
    have "$1" || return 1
    out=$(mktemp) || return 1
    "$@" -x c - -o "$out" >/dev/null 2>&1
    status=$?
    rm -f "$out"
    return $status
}

is_met() {
    local hello=$'#include <stdio.h>\nint main(void) { return puts("") < 0; }'
    local fuzzer='int LLVMFuzzerTestOneInput(char *p, unsigned long n) { return !p && n; }'
    case $1 in
    lib:*) have pkg-config && pkg-config --exists "${1#lib:}" ;;
    can:compile) try_compile "${CC:-gcc}" <<<"$hello" ;;
    can:sanitize) try_compile gcc -fsanitize=address,undefined <<<'int main(void) { return 0; }' &&
        try_compile gcc -fsanitize=thread <<<'int main(void) { return 0; }' ;;
    can:clang) try_compile clang <<<"$hello" ;;
    can:fuzz) try_compile clang -fsanitize=fuzzer,address <<<"$fuzzer" ;;
    can:package) have dpkg-checkbuilddeps && have dh &&
        (cd "$TOP" && dpkg-checkbuilddeps 2>/dev/null) ;;
    perl:*) have perl && perl -M"${1#perl:}" -e 1 2>/dev/null ;;
    nc) have nc && nc -h 2>&1 | grep -q OpenBSD ;; # ncat has that name, too
    node) have node || have nodejs ;;
    *) have "$1" ;;
    esac
}

# The packages that bring a requirement: Debian's, then Fedora's, after a bar. Most have its name.
packages_of() {
    case $1 in
    pkg-config) echo "pkg-config | pkgconf-pkg-config" ;;
    can:compile) echo "gcc libc6-dev | gcc glibc-devel" ;;
    can:sanitize) echo "gcc libc6-dev | gcc glibc-devel libasan libubsan libtsan" ;;
    can:clang) echo "clang libc6-dev | clang glibc-devel" ;;
    can:fuzz) if have clang; then
        local major
        major=$(clang -dumpversion | cut -d. -f1)
        echo "libclang-rt-$major-dev | compiler-rt"
    else
        echo "clang llvm | clang compiler-rt"
    fi ;;
    lib:libconfig) echo "libconfig-dev | libconfig-devel" ;;
    lib:libsystemd) echo "libsystemd-dev | systemd-devel" ;;
    lib:openssl) echo "libssl-dev | openssl-devel" ;;
    lib:libmicrohttpd) echo "libmicrohttpd-dev | libmicrohttpd-devel" ;;
    lib:jansson) echo "libjansson-dev | jansson-devel" ;;
    lib:libcurl) echo "libcurl4-openssl-dev | libcurl-devel" ;;
    lib:ncursesw) echo "libncurses-dev | ncurses-devel" ;;
    lib:libnats) echo "libnats-dev | cnats-devel" ;;
    lib:rdkafka) echo "librdkafka-dev | librdkafka-devel" ;;
    lib:cmocka) echo "libcmocka-dev | libcmocka-devel" ;;
    clang-tidy) echo "clang-tidy | clang-tools-extra" ;;
    shellcheck) echo "shellcheck | ShellCheck" ;;
    ncat) echo "ncat | nmap-ncat" ;;
    nc) echo "netcat-openbsd | netcat" ;;
    node) echo "nodejs | nodejs" ;;
    perl) echo "perl | perl-interpreter" ;;
    perl:Sys::Syslog) echo "perl | perl-Sys-Syslog" ;;
    perl:Log::Dispatch) echo "liblog-dispatch-perl | perl-Log-Dispatch" ;;
    perl:Log::Log4perl) echo "liblog-log4perl-perl | perl-Log-Log4perl" ;;
    rsyslogd) echo "rsyslog rsyslog-relp rsyslog-openssl rsyslog-gnutls |" \
        "rsyslog rsyslog-relp rsyslog-openssl rsyslog-gnutls" ;;
    logger) echo "bsdutils | util-linux" ;;
    nsenter | unshare) echo "util-linux | util-linux" ;;
    ss) echo "iproute2 | iproute" ;;
    xz) echo "xz-utils | xz" ;;
    can:package) echo "build-essential debhelper libcmocka-dev libconfig-dev" \
        "libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libnats-dev libncurses-dev" \
        "librdkafka-dev libssl-dev libsystemd-dev openssl pkg-config python3" \
        "$(unit_folder_package) | dpkg-dev" ;;
    systemd-nspawn) echo "systemd-container | systemd-container" ;;
    *) echo "$1 | $1" ;;
    esac
}

# What tells pkg-config where units belong: a package of its own since Debian 13.
unit_folder_package() {
    case $(cat /etc/debian_version 2>/dev/null) in
    12.*) echo systemd ;;
    *) echo systemd-dev ;;
    esac
}

# Those of the requirements that are not met, one a line.
list_missing() {
    local need
    for need; do is_met "$need" || echo "$need"; done | sort -u
}

system_kind() {
    if have apt-get; then echo apt; elif have dnf; then echo dnf; else echo other; fi
}

# The packages for requirements, on one line.
list_packages() { # KIND REQUIREMENT...
    local kind=$1 need theirs='s/ |.*//'
    shift
    [ "$kind" != dnf ] || theirs='s/.*| //'
    for need; do
        packages_of "$need" | sed "$theirs"
    done | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# How to become root: "" (is), "sudo", "sudo -n"; status 1 when there is no way.
find_rights() {
    if [ "$(id -u)" = 0 ]; then
        echo ""
    elif have sudo && is_interactive; then
        echo "sudo"
    elif have sudo && sudo -n true 2>/dev/null; then
        echo "sudo -n"
    else
        return 1
    fi
}

# Install packages; RIGHTS is "" or a command to put before.
run_installer() { # KIND RIGHTS PACKAGE...
    local kind=$1 rights=$2
    shift 2
    # RIGHTS is nothing, or a command of one or two words: it has to be split.
    # shellcheck disable=SC2086
    if [ "$kind" = apt ]; then
        # A source that cannot be reached need not matter: let the installation decide.
        $rights env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update
        $rights env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
            install --no-install-recommends "$@"
    else
        $rights dnf -q -y install "$@"
    fi
}

# Make every requirement true, or say what is missing and end with status 69.
# Touches nothing, and needs no rights, when nothing is missing.
require() { # LOG REQUIREMENT...
    local log=$1 kind rights packages
    local -a missing
    shift
    mapfile -t missing < <(list_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    kind=$(system_kind)
    if [ "$kind" = other ]; then
        complain "missing on this machine: ${missing[*]}"
        complain "in Debian's packages:    $(list_packages apt "${missing[@]}")"
        complain "in Fedora's packages:    $(list_packages dnf "${missing[@]}")"
        die 69 "please install them and start again"
    fi
    packages=$(list_packages "$kind" "${missing[@]}")
    local installer=apt-get
    [ "$kind" = dnf ] && installer=dnf
    say "Missing: ${missing[*]}"
    if ! rights=$(find_rights); then
        complain "installing them needs root; please run this as root and start again:"
        die 69 "    $installer install $packages"
    fi
    say "To install: ${rights:+$rights }$installer install $packages"
    confirm "Shall I?" || die 69 "nothing was installed; please install them and start again"
    say "Installing ..."
    # PACKAGES is a list of words.
    # shellcheck disable=SC2086
    if ! run_installer "$kind" "$rights" $packages >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        die 69 "the packages could not be installed; the whole story is in $log"
    fi
    mapfile -t missing < <(list_missing "$@")
    [ ${#missing[@]} -eq 0 ] || die 69 "installed, but still missing: ${missing[*]}"
    say "Installed."
}

# --- a Prometheus for the tests ---

# Debian's package would start a service, and pull in fonts and scripts for browsers: it is unpacked
# here instead, and tests find its programs by PATH.
PROMETHEUS=$TOP/build-prometheus
DOWNLOAD_LIMIT_S=20 # of one package

# Before Debian 13 promtool is in the same package. Each says its version, or which library it lacks.
unpack_prometheus() {
    local program
    rm -rf "$PROMETHEUS" "$PROMETHEUS.new" && mkdir "$PROMETHEUS.new" && cd "$PROMETHEUS.new" ||
        return
    for program in prometheus promtool; do
        if [ ! -x "usr/bin/$program" ]; then
            timeout "$DOWNLOAD_LIMIT_S" apt-get -q -o Acquire::Retries=1 download "$program" &&
                dpkg -x "$program"_*.deb . && rm "$program"_*.deb || return
        fi
        "usr/bin/$program" --version || return
    done
    mv "$PROMETHEUS.new" "$PROMETHEUS"
}

# Have prometheus and promtool, if it can be; tests say what they leave out where there are none.
provide_prometheus() { # LOG yes|no: MAY IT BE DOWNLOADED
    PATH=$PATH:$PROMETHEUS/usr/bin
    if [ "$2" = no ] || ! have apt-get || { have prometheus && have promtool; }; then
        return
    fi
    say "Unpacking Prometheus, for tests alone ..."
    if ! (unpack_prometheus) >"$1" 2>&1 </dev/null; then
        complain "there is none: $(grep -m 1 '^E: ' "$1" || echo "see $1")"
        rm -rf "$PROMETHEUS.new"
    fi
}

# --- configuring and building ---

# What a build needs; a release tarball brings its own configure.
build_requirements() {
    echo can:compile make pkg-config lib:libconfig lib:libsystemd lib:openssl lib:libmicrohttpd \
        lib:jansson lib:libcurl lib:ncursesw lib:libnats lib:rdkafka
    [ -x "$TOP/configure" ] || echo autoconf automake
}

# Build in a folder of its own, configured once and again when the arguments change.
# build_in FOLDER [CONFIGURE ARGUMENT]... -- [MAKE ARGUMENT]...
build_in() {
    local folder=$1
    local -a arguments=()
    shift
    while [ "$1" != -- ]; do
        arguments+=("$1")
        shift
    done
    shift
    if [ -f "$TOP/config.status" ]; then
        complain "the source folder itself is configured; 'make distclean' there first"
        return 1
    fi
    [ -x "$TOP/configure" ] || (cd "$TOP" && autoreconf -fi) || return
    mkdir -p "$folder" || return
    if [ ! -f "$folder/Makefile" ] ||
        [ "${arguments[*]}" != "$(cat "$folder/.configured" 2>/dev/null)" ]; then
        (cd "$folder" && "$TOP/configure" -q "${arguments[@]}") || return
        [ ! -f "$folder/.configured" ] || make -C "$folder" clean >/dev/null || return
        printf '%s\n' "${arguments[*]}" >"$folder/.configured"
    fi
    make -C "$folder" -j "$JOBS" "$@"
}

# The daemon of the version before, for tests of upgrades; they say it when there is none.
daemon_before() {
    local folder=$TOP/build-before
    if [ ! -x "$folder/peerlogd" ]; then
        "$TOP/scripts/tree-before" "$folder" || return 0
        (cd "$folder" && autoreconf -i >/dev/null && ./configure -q CC=gcc CFLAGS=-O2)
        make -s -C "$folder" -j "$JOBS" peerlogd
    fi
    export PEERLOGD_BEFORE=$folder/peerlogd
}
