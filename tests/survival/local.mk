# Survival: the daemon under a service manager in miniature. No root, no systemd.

survival_tests = \
	tests/survival/restarts.py \
	tests/survival/kills.py

TESTS += $(survival_tests)
EXTRA_DIST += $(survival_tests) \
	tests/survival/service_manager.py \
	tests/survival/survival.py

# The numbered streams of the system tests, and the log that counts them.
check_PROGRAMS += tests/system/stream tests/system/sink
