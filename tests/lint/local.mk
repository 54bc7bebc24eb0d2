# What is true of the source itself, whatever it does.

lint_tests = tests/lint/contrib.py tests/lint/house.py tests/lint/includes.py

TESTS += $(lint_tests)
EXTRA_DIST += $(lint_tests)
