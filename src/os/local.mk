# Thin wrappers over Linux: they never log and never know who calls.
