# SPDX-License-Identifier: MIT
"""What is in contrib/ names nothing that the daemon does not count.

Every metric of the alert rules and of the dashboard is one of the table of counters or one of the
measures beside it; promtool reads the rules, and JSON is JSON. A misspelt name is planted, to see
that it is found.
"""

import json
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.environ.get("PEERLOG_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
RULES = "contrib/peerlogd-alerts.yml"
DASHBOARD = "contrib/peerlogd-dashboard.json"


def read(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
        return file.read()


def metrics_in(text):
    """Names, those of a histogram without what its parts are called."""
    return {re.sub(r"_(bucket|count|sum)$", "", name)
            for name in re.findall(r"\bpeerlogd_[a-z_]+\b", text)}


def known_metrics():
    return {name for file in ("counters.c", "prometheus.c")
            for name in metrics_in(read("src/daemon/metrics/" + file))}


def expressions():
    """The text of each file that has expressions."""
    dashboard = json.loads(read(DASHBOARD))
    return {RULES: read(RULES),
            DASHBOARD: "\n".join(t["expr"] for p in dashboard["panels"] for t in p["targets"])}


def faults_of(texts, known):
    return [f"{file}: there is no {name}" for file, text in texts.items()
            for name in sorted(metrics_in(text) - known)]


def main():
    known, texts = known_metrics(), expressions()
    faults = faults_of(texts, known)
    planted = {file: text + " peerlogd_mesages_total" for file, text in texts.items()}
    if len(faults_of(planted, known)) != len(faults) + len(texts):
        faults.append("a planted fault was not found")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "rules", os.path.join(SOURCE, RULES)],
                              capture_output=True, check=False)
        if done.returncode != 0:
            faults.append(done.stderr.decode())
    else:
        print("SKIP: tests/lint/contrib.py: check rules: promtool is not installed")
    for fault in faults:
        print(fault)
    print(f"{sum(len(metrics_in(t)) for t in texts.values())} names: {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
