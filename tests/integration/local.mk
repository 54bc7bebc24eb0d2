# Scenarios over real sockets, in Python's standard library alone; a missing client is skipped.

AM_PY_LOG_FLAGS = -B

integration_tests = \
	tests/integration/access.py \
	tests/integration/bad_config.py \
	tests/integration/bad_days.py \
	tests/integration/fairness.py \
	tests/integration/framing.py \
	tests/integration/goodbye.py \
	tests/integration/hostile.py \
	tests/integration/listeners.py \
	tests/integration/log_socket.py \
	tests/integration/memory.py \
	tests/integration/odd_starts.py \
	tests/integration/priority.py \
	tests/integration/real_clients.py \
	tests/integration/stop_and_reload.py \
	tests/integration/text.py

TESTS += $(integration_tests)
EXTRA_DIST += $(integration_tests) tests/integration/support.py tests/integration/valgrind.supp
