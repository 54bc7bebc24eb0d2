# SPDX-License-Identifier: MIT
"""How a scenario ends when it does not end well."""


class Failed(Exception):
    """What was promised did not happen: a fault of peerlog, or of the scenario."""


class Skipped(Exception):
    """This machine cannot run the scenario, and the reason is no fault of peerlog."""


def expect(true, otherwise):
    """Fail with the text OTHERWISE unless TRUE."""
    if not true:
        raise Failed(otherwise)
