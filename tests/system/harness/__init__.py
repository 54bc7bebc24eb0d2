# SPDX-License-Identifier: MIT
"""The harness of the system tests: a machine with a real systemd, and traffic for it."""
