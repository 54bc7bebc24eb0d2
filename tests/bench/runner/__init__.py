# SPDX-License-Identifier: MIT
"""The benchmark's runner: see ../README.md."""
