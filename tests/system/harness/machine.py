# SPDX-License-Identifier: MIT
"""A machine with a real systemd as PID 1: a container, gone when the test is over."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import cgroup
from harness.failure import Failed, Skipped

BOOT_LIMIT_S = 60
STOP_LIMIT_S = 20
TARGET = "systemd.unit=multi-user.target"
PR_SET_PDEATHSIG = 1
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_PAGER": "cat",
    "SYSTEMD_COLORS": "0",
    "DEBIAN_FRONTEND": "noninteractive",
}
# A container has the unified hierarchy of control groups alone, whatever is mounted here:
# systemd 258 and newer take no other.
NSPAWN = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
SHUTDOWN_SIGNAL = signal.SIGRTMIN + 4


def die_with_parent():
    """Between fork and exec: let nspawn go when the runner goes, however it goes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def mount_over(base, folder):
    """Put a layer of its own over the system BASE. Returns: the root that is seen then."""
    for name in ["root", "upper", "work"]:
        os.makedirs(f"{folder}/{name}", mode=0o755, exist_ok=True)
    layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
    done = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/root"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise Skipped("no overlay file system here: " + done.stderr.strip())
    return f"{folder}/root"


def unmount(root):
    """Take it away again."""
    if os.path.ismount(root):
        subprocess.run(["umount", "--lazy", root], check=False, timeout=60)


def nspawn(name, root, *arguments):
    """The command for a container in ROOT that sees no network but its own loopback."""
    return [
        "systemd-nspawn", "--keep-unit", "--register=no", "--private-network", "--quiet",
        f"--machine={name}", "-D", root, *arguments,
    ]


class Machine:
    """One container; `with Machine(...) as machine` boots it and powers it off."""

    def __init__(self, base, folder):
        self.base = base
        self.folder = folder
        self.root = f"{folder}/root"
        self.name = "peerlog-" + re.sub("[^a-z0-9]", "", os.path.basename(folder).lower())
        self.leader = None
        self.nspawn = None
        self.children = []
        self.groups = []

    def __enter__(self):
        try:
            mount_over(self.base, self.folder)
            self.groups = cgroup.make(self.name)
            self.boot()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        self.power_off()
        self.forget()
        cgroup.remove(self.groups)
        unmount(self.root)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- life ---

    def boot(self):
        """Start nspawn, and wait until the systemd within says that it is ready."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"{self.folder}/notify")
        notify.settimeout(1)
        with open(f"{self.folder}/console", "wb") as console:
            self.nspawn = subprocess.Popen(
                nspawn(self.name, self.root, "--notify-ready=yes", "--boot", TARGET),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=dict(os.environ, NOTIFY_SOCKET=f"{self.folder}/notify", **NSPAWN),
                start_new_session=True,
                preexec_fn=self.between_fork_and_exec,
            )
        with notify:
            self.wait_for_boot(notify)

    def between_fork_and_exec(self):
        """What nspawn is before it begins."""
        die_with_parent()
        cgroup.enter(self.groups)

    def wait_for_boot(self, notify):
        """Read nspawn's own notifications: first the leader's process, then READY=1."""
        deadline = time.monotonic() + BOOT_LIMIT_S
        while time.monotonic() < deadline:
            if self.nspawn.poll() is not None:
                break
            try:
                message = notify.recv(4096).decode()
            except socket.timeout:
                continue
            found = re.search(r"^X_NSPAWN_LEADER_PID=(\d+)$", message, re.M)
            if found:
                self.leader = int(found.group(1))
            if re.search("^READY=1$", message, re.M) and self.leader and not found:
                return
        with open(f"{self.folder}/console", encoding="utf-8", errors="replace") as console:
            said = re.sub(r"\x1b\[[\d;]*m|\s+", " ", console.read())
            raise Skipped("the machine does not boot: " + said[-500:])

    def power_off(self):
        """An orderly end, or else a quick one."""
        if self.nspawn is None or self.nspawn.poll() is not None:
            return
        try:
            if self.leader is not None:
                os.kill(self.leader, SHUTDOWN_SIGNAL)
            self.nspawn.wait(STOP_LIMIT_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            self.nspawn.kill()
            if self.leader is not None and os.path.exists(f"/proc/{self.leader}"):
                os.kill(self.leader, signal.SIGKILL)
            self.nspawn.wait()

    def forget(self):
        """Take away what nspawn 257 may leave behind, and what it does not begin with again."""
        export = f"/run/systemd/nspawn/unix-export/{self.name}"
        if os.path.ismount(export):
            unmount(export)
        with contextlib.suppress(OSError):
            os.rmdir(export)

    def reboot(self):
        """Power off and boot again, with the same disk."""
        self.power_off()
        self.forget()
        self.leader = None
        os.unlink(f"{self.folder}/notify")
        self.boot()

    # --- what is inside ---

    def path(self, inside):
        """Where a path of the machine is seen from outside."""
        return f"/proc/{self.leader}/root{inside}"

    def read(self, inside):
        """The text of a file."""
        with open(self.path(inside), encoding="utf-8", errors="replace") as content:
            return content.read()

    def write(self, inside, text):
        """Write a file, with its folders."""
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w", encoding="utf-8") as content:
            content.write(text)

    def copy_in(self, outside, inside):
        """Copy a file from here into the machine."""
        shutil.copy(outside, self.path(inside))

    def enter(self, argv):
        """The command that runs ARGV inside."""
        return ["nsenter", "-t", str(self.leader), "-a"] + list(argv)

    def run(self, *argv, check=True, limit_s=60, stdin=None):
        """Run a command to its end. Returns: what it did, output and errors together."""
        try:
            done = subprocess.run(
                self.enter(argv),
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
                cwd="/",
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"`{' '.join(argv)}` took more than {limit_s} s") from late
        if check and done.returncode != 0:
            said = done.stdout.strip()[-600:]
            raise Failed(f"`{' '.join(argv)}` ended with {done.returncode}: {said}")
        return done

    def out(self, *argv, **options):
        """What a command says."""
        return self.run(*argv, **options).stdout.strip()

    def sh(self, script, **options):
        """Run a line of shell. Returns: what it says."""
        return self.out("sh", "-c", script, **options)

    def spawn(self, *argv):
        """Start a command that goes on. Returns: a Child."""
        child = Child(self.enter(argv))
        self.children.append(child.process)
        return child

    # --- systemd ---

    def property(self, unit, name):
        """One property of a unit, as text."""
        return self.out("systemctl", "show", "-P", name, unit)

    def cpu_seconds(self):
        """Processor time of PID 1 so far."""
        with open(f"/proc/{self.leader}/schedstat", encoding="ascii") as stat:
            return int(stat.read().split()[0]) / 1e9

    def journal(self, *matches):
        """Messages alone, a line each."""
        self.run("journalctl", "--sync", check=False)
        return self.out("journalctl", "--no-pager", "-q", "-o", "cat", *matches, check=False)

    def wait(self, what, condition, limit_s=15, every_s=0.05):
        """Wait until CONDITION() is true. Returns: what it returned."""
        deadline = time.monotonic() + limit_s
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not within {limit_s} s")
            time.sleep(every_s)


class Child:
    """A process inside, started by spawn(); nsenter waits for it outside."""

    def __init__(self, argv):
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd="/",
            preexec_fn=die_with_parent,
        )

    def pid(self):
        """The process itself, as seen from outside; None once it has ended."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        try:
            with open(path, encoding="ascii") as children:
                pids = children.read().split()
        except FileNotFoundError:
            return None
        return int(pids[0]) if pids else None

    def signal(self, number):
        """Send it a signal."""
        pid = self.pid()
        if pid is None:
            raise Failed("a process of the test ended early: " + self.last_words())
        os.kill(pid, number)

    def last_words(self):
        """What it said before it ended."""
        try:
            return self.process.communicate(timeout=5)[0].decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            return "(it has not ended)"

    def ended(self):
        """Whether it is over."""
        return self.process.poll() is not None
