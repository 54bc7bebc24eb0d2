# SPDX-License-Identifier: MIT
"""The base system of all machines: a small Debian of this machine's own release.

Made by mmdebstrap from the package sources this machine itself is configured with, which
takes half a minute, and kept in a cache. Machines mount it as the lower, read-only layer.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import tempfile

from harness.failure import Skipped

# Debian's names.  rsyslog is for one scenario; in all others it is masked.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "rsyslog", "libconfig9", "libsystemd0"]
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


def apt_sources(release):
    """The files of apt that have packages of this release."""
    found = []
    for path in ["/etc/apt/sources.list"] + sorted(
        glob.glob("/etc/apt/sources.list.d/*.list")
        + glob.glob("/etc/apt/sources.list.d/*.sources")
    ):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                if release in text.read():
                    found.append(path)
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


def make(release, sources, target):
    """Run mmdebstrap; TARGET appears only when it is complete."""
    work = tempfile.mkdtemp(prefix="making-", dir=os.path.dirname(target))
    try:
        os.chmod(work, 0o755)
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", "--include=" + ",".join(PACKAGES)]
            + [release, f"{work}/root"]
            + sources,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            raise Skipped("no base system from mmdebstrap: " + done.stdout.strip()[-300:])
        finish(f"{work}/root")
        os.rename(f"{work}/root", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def get():
    """The directory of a base system; made now if the cache has none that fits."""
    check_tools()
    release = codename()
    sources = apt_sources(release)
    key = hashlib.sha256(repr((release, PACKAGES)).encode())
    for path in sources:
        with open(path, "rb") as text:
            key.update(text.read())
    with open(__file__, "rb") as text:
        key.update(text.read())
    target = os.path.join(cache_dir(), f"base-{release}-{key.hexdigest()[:12]}")
    if not os.path.isdir(target):
        make(release, sources, target)
    return target
