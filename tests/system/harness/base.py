# SPDX-License-Identifier: MIT
"""The systems that machines and packages are made of: small Debians of one suite.

Made by mmdebstrap from the package sources this machine itself is configured with, which
takes half a minute each, and kept in a cache. For another suite than this machine's, its name
stands in these sources in the place of this machine's. Two kinds: the base of all machines,
which they mount as the lower, read-only layer, and the builder, in which the package is built.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from harness.failure import Skipped

# Debian's names.  rsyslog is for one scenario; in all others it is masked.  What the package
# needs of libraries comes with their -dev packages, whose names are the same in each suite.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "rsyslog", "libconfig-dev", "libsystemd-dev",
            "libssl-dev", "libmicrohttpd-dev", "libjansson-dev", "libcurl4-openssl-dev",
            "libncurses-dev"]
BUILDER_PACKAGES = ["build-essential", "debhelper"]
# Suites that have neither updates nor security beside them.
ROLLING = ("sid", "unstable")
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "dpkg-buildpackage": "dpkg-dev",
    "dh": "debhelper",
}
LIMIT_S = 600


def cache_dir():
    """Where what takes long to make is kept from one run to the next."""
    path = os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/cache"), "peerlog-tests")
    os.makedirs(path, exist_ok=True)
    return path


def codename():
    """This machine's Debian release."""
    with open("/etc/os-release", encoding="utf-8") as release:
        for line in release:
            if line.startswith("VERSION_CODENAME="):
                return line.split("=", 1)[1].strip().strip('"')
    raise Skipped("/etc/os-release names no release: not a Debian?")


def rename(source, release, suite):
    """One source of apt, for SUITE instead of RELEASE. Returns: it, or None if it has none."""

    def other(found):
        part = found.group(1) or ""
        return "" if part and suite in ROLLING else suite + part

    renamed, _ = re.subn(rf"(?<!\S){re.escape(release)}(-\S+)?(?!\S)", other, source)
    return renamed if re.search(rf"(?<!\S){re.escape(suite)}(-\S+)?(?!\S)", renamed) else None


def apt_sources(suite):
    """What apt on this machine knows of its own release, for SUITE: a list of (kind, text)."""
    release = codename()
    found = []
    for path in ["/etc/apt/sources.list"] + sorted(
        glob.glob("/etc/apt/sources.list.d/*.list")
        + glob.glob("/etc/apt/sources.list.d/*.sources")
    ):
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as content:
            text = content.read()
        kind, gap = ("sources", "\n\n") if path.endswith(".sources") else ("list", "\n")
        for source in re.sub("^#.*\n", "", text, flags=re.M).split(gap):
            renamed = rename(source, release, suite)
            if renamed is not None:
                found.append((kind, renamed + "\n"))
    if not found:
        raise Skipped(f"apt has no package source for {release}")
    return found


def check_tools():
    """Skip, and say what is missing, unless a machine can be made here."""
    if os.geteuid() != 0:
        raise Skipped("only root can boot a machine: try sudo make check-system")
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise Skipped("missing tools: apt install " + " ".join(missing))


def finish(root):
    """What every machine has in common beyond its packages."""
    os.makedirs(f"{root}/var/log/journal", exist_ok=True)
    for unit in ["rsyslog.service", "apt-daily.timer", "apt-daily-upgrade.timer"]:
        path = f"{root}/etc/systemd/system/{unit}"
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink("/dev/null", path)


def write_sources(sources, folder):
    """A file for each of the sources. Returns: their paths."""
    paths = []
    for kind, text in sources:
        paths.append(f"{folder}/{len(paths)}.{kind}")
        with open(paths[-1], "w", encoding="utf-8") as content:
            content.write(text)
    return paths


def apt_options():
    """What apt on this machine is told about proxies and dates holds for mmdebstrap's, too."""
    dump = ["apt-config", "dump", "Acquire"]
    said = subprocess.run(dump, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    meant = re.findall(r'^(Acquire::(?:.*::Proxy|Check-\S+) ".+");$', said, re.M)
    return [f"--aptopt={option}" for option in meant]


def keep(made, target):
    """Let what was MADE be the TARGET, unless a run beside this one was quicker."""
    try:
        os.rename(made, target)
    except OSError:
        if not os.path.isdir(target):
            raise


def bootstrap(suite, sources, target, options, complete=None):
    """Run mmdebstrap; TARGET appears only when it is complete."""
    work = tempfile.mkdtemp(prefix="making-", dir=os.path.dirname(target))
    try:
        os.chmod(work, 0o755)
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", *apt_options(), *options]
            + [suite, f"{work}/root", *write_sources(sources, work)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            raise Skipped(f"no {suite} from mmdebstrap: " + done.stdout.strip()[-300:])
        if complete is not None:
            complete(f"{work}/root")
        keep(f"{work}/root", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def cached(kind, suite, made_of):
    """Where a system of this kind is kept, once there is one, and the sources to make it from."""
    sources = apt_sources(suite)
    key = hashlib.sha256(repr((sources, made_of)).encode())
    with open(__file__, "rb") as text:
        key.update(text.read())
    return os.path.join(cache_dir(), f"{kind}-{suite}-{key.hexdigest()[:12]}"), sources


def get(suite):
    """The directory of a base system; made now if the cache has none that fits."""
    target, sources = cached("base", suite, PACKAGES)
    if not os.path.isdir(target):
        bootstrap(suite, sources, target, ["--include=" + ",".join(PACKAGES)], finish)
    return target


def get_builder(suite, source):
    """The directory of a system that can build the package in SOURCE; made now likewise."""
    with open(f"{source}/debian/control", encoding="utf-8") as control:
        target, sources = cached("builder", suite, (BUILDER_PACKAGES, control.read()))
    if not os.path.isdir(target):
        install = "apt-get -q -y --no-install-recommends -P nocheck build-dep /tmp/package"
        options = [
            "--include=" + ",".join(BUILDER_PACKAGES),
            '--customize-hook=mkdir -p "$1/tmp/package/debian"',
            f"--customize-hook=copy-in {source}/debian/control /tmp/package/debian",
            f'--customize-hook=chroot "$1" {install}',
            '--customize-hook=rm -r "$1/tmp/package"',
        ]
        bootstrap(suite, sources, target, options)
    return target
