# SPDX-License-Identifier: MIT
"""The Debian package under test, built from the tree as it is now."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile

from harness import base, cgroup, machine
from harness.failure import Failed, Skipped

LIMIT_S = 600
KEPT = 8
BUILD_OPTIONS = "nocheck noautodbgsym parallel=2"


def tree_files(source):
    """What the package is made of, relative to SOURCE."""
    if os.path.exists(f"{source}/.git") and shutil.which("git"):
        listed = subprocess.run(
            ["git", "-C", source, "-c", f"safe.directory={source}"]
            + ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        ).stdout.decode()
        names = [name for name in listed.split("\0") if name]
    else:
        names = []
        for folder, _, files in os.walk(source):
            names += [os.path.relpath(os.path.join(folder, name), source) for name in files]
    return sorted(name for name in names if os.path.isfile(f"{source}/{name}"))


def fingerprint(source):
    """The same for the same tree, whatever its dates; tests are no part of the package."""
    key = hashlib.sha256()
    for name in tree_files(source):
        if name.startswith("tests/"):
            continue
        with open(f"{source}/{name}", "rb") as content:
            key.update(f"{name}\0{os.stat(content.fileno()).st_mode:o}\0".encode())
            key.update(hashlib.sha256(content.read()).digest())
    return key.hexdigest()[:16]


def forget_old(folder):
    """Keep the cache small."""
    names = [f"{folder}/{name}" for name in os.listdir(folder)]
    for path in sorted(names, key=os.path.getmtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def find_deb(folder):
    """The package itself, not the one with its debugging symbols."""
    for name in sorted(os.listdir(folder)):
        if re.fullmatch(r"peerlog_.*\.deb", name):
            return f"{folder}/{name}"
    return None


def build_here(source, work):
    """With the tools of this machine, for its own release. Returns: how that went."""
    return subprocess.run(
        [f"{source}/scripts/build-deb", work],
        env=dict(os.environ, DEB_BUILD_OPTIONS=BUILD_OPTIONS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def copy_tree(source, target):
    """What git knows or would add, as files alone."""
    for name in tree_files(source):
        os.makedirs(os.path.dirname(f"{target}/{name}"), exist_ok=True)
        shutil.copy2(f"{source}/{name}", f"{target}/{name}")


def build_within(builder, source, work, folder):
    """Within the system BUILDER, whose files stay as they are. Returns: how that went."""
    root = machine.mount_over(builder, folder)
    groups = []
    try:
        copy_tree(source, f"{root}/root/peerlog")
        os.mkdir(f"{root}/root/out")
        name = f"peerlog-builder-{os.getpid()}"
        groups = cgroup.make(name)
        command = machine.nspawn(
            name, root, "--as-pid2", f"--setenv=DEB_BUILD_OPTIONS={BUILD_OPTIONS}",
            "--setenv=DEB_BUILD_PROFILES=nocheck", "/root/peerlog/scripts/build-deb", "/root/out",
        )
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
            preexec_fn=lambda: cgroup.enter(groups),
        )
        shutil.copytree(f"{root}/root/out", work, dirs_exist_ok=True)
        return done
    finally:
        cgroup.remove(groups)
        machine.unmount(root)
        shutil.rmtree(folder)  # the next package is built in a place as clean


def build(source, suite, folder):
    """The path of the package for SUITE; built now if this very tree was not built before."""
    packages = os.path.join(base.cache_dir(), "packages")
    target = f"{packages}/{suite}-{fingerprint(source)}"
    os.makedirs(packages, exist_ok=True)
    if not os.path.isdir(target):
        work = tempfile.mkdtemp(prefix="making-", dir=packages)
        try:
            if suite == base.codename():
                done = build_here(source, work)
            else:
                builder = base.get_builder(suite, source)
                done = build_within(builder, source, work, f"{folder}/builder")
            if done.returncode != 0 or find_deb(work) is None:
                raise Failed("the package does not build:\n" + done.stdout[-3000:])
            base.keep(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    os.utime(target)
    forget_old(packages)
    return find_deb(target)


def build_before(source, suite, folder):
    """The same of the version before, whose ledger has another layout."""
    tree = f"{folder}/tree-before"
    done = subprocess.run(
        [f"{source}/scripts/tree-before", tree],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise Skipped(done.stdout.strip())
    try:
        return build(tree, suite, folder)
    except Failed as fault:
        if suite == base.codename():
            raise
        # A newer system than it was made for: 0.1.0 wants a glibc before 2.43.
        raise Skipped(f"it does not build in {suite}") from fault
    finally:
        shutil.rmtree(tree)


def make_newer(deb, folder):
    """The same package once more, with a higher version: something to upgrade to."""
    work = f"{folder}/newer"
    subprocess.run(["dpkg-deb", "-R", deb, work], check=True, timeout=60)
    with open(f"{work}/DEBIAN/control", encoding="utf-8") as control:
        text = control.read()
    text = re.sub(r"^Version: (.*)$", r"Version: \1+newer1", text, flags=re.M)
    with open(f"{work}/DEBIAN/control", "w", encoding="utf-8") as control:
        control.write(text)
    target = f"{folder}/newer.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", work, target],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(work)
    return target
