# SPDX-License-Identifier: MIT
"""The two ends of a measurement: the sink and the load generator."""

import json
import os
import select
import struct
import subprocess
import time

from . import process

# The sink has come to rest when nothing came for so long.
REST_SECONDS = 1.0
# No measurement takes longer than this to come to rest.
LIMIT_SECONDS = 60.0


class Failure(Exception):
    """A measurement that did not come to its end."""


class Sink:
    """The sink, running."""

    def __init__(self, bench, mode="syslog", stdin=None, latency_from=0, path=None):
        self.path = path or bench.scratch("log")
        self.progress = bench.scratch("progress")
        command = [bench.tool("sink"), "--mode", mode, "--progress", self.progress,
                   "--latency-from", str(latency_from)]
        if mode != "lines":
            command += ["--socket", self.path]
        with open(self.progress, "wb") as page:
            page.write(bytes(24))
        self.process = process.start(command, bench.scratch("sink.err"), stdin=stdin,
                                     stdout=subprocess.PIPE)
        if mode != "lines" and not process.wait_until(lambda: os.path.exists(self.path), 5):
            raise Failure("the sink did not start")

    def counters(self):
        """Messages received, and when the first and the latest came (ns)."""
        with open(self.progress, "rb") as page:
            return struct.unpack("QQQ", page.read(24))

    def wait_for(self, count, limit=LIMIT_SECONDS):
        """Wait until COUNT messages have come, or no more come."""
        end = time.monotonic() + limit
        seen, since = -1, time.monotonic()
        while seen < count and time.monotonic() < end:
            now = self.counters()[0]
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > REST_SECONDS:
                break
            time.sleep(0.002)

    def finish(self):
        """End it; its counts."""
        self.process.terminate()
        return self.result()

    def result(self):
        """Its counts, when it has ended or is ending."""
        try:
            out = self.process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired as error:
            raise Failure("the sink did not end") from error
        finally:
            process.stop(self.process)
        result = json.loads(out)
        result["seconds"] = (result["last_ns"] - result["first_ns"]) / 1e9
        return result


def last_words(path):
    """The last line that a program wrote to its log, for the one who has to find out."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except OSError:
        return ""
    return ": " + lines[-2] if len(lines) > 1 else ""


class Load:
    """The load generator, running."""

    def __init__(self, bench, port, **options):
        self.log = bench.scratch("load.err")
        command = [bench.tool("load"), "--port", str(port)]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.process = process.start(command, bench.scratch("load.err"), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)

    def finish(self, seconds=LIMIT_SECONDS):
        """Wait for its end; its counts."""
        try:
            out = self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired as error:
            raise Failure("the load generator did not end") from error
        finally:
            process.stop(self.process)
        try:
            return json.loads(out.splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise Failure("the load generator failed" + last_words(self.log)) from error

    def wait_for(self, word, seconds=LIMIT_SECONDS):
        """In hold mode: wait for a word, and return the seconds it says it took."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise Failure(f"the load generator did not say '{word}'")
        line = self.process.stdout.readline().decode().split()
        if not line or line[0] != word:
            raise Failure("the load generator failed" + last_words(self.log))
        return int(line[1]) / 1e9

    def speak(self, seconds=LIMIT_SECONDS):
        """In hold mode: every connection says one message."""
        self.process.stdin.write(b"speak\n")
        self.process.stdin.flush()
        return self.wait_for("spoken", seconds)
