# Scenarios over real sockets, in Python's standard library alone; a missing client is skipped.

integration_tests = \
	tests/integration/access.py \
	tests/integration/bad_config.py \
	tests/integration/bad_days.py \
	tests/integration/client/broken_connection.py \
	tests/integration/client/documents.py \
	tests/integration/client/interrupted.py \
	tests/integration/client/large_file.py \
	tests/integration/client/lines_leave_at_once.py \
	tests/integration/client/retry.py \
	tests/integration/client/textbook_server.py \
	tests/integration/client/to_the_daemon.py \
	tests/integration/client/wire_forms.py \
	tests/integration/fairness.py \
	tests/integration/framing.py \
	tests/integration/goodbye.py \
	tests/integration/hostile.py \
	tests/integration/listeners.py \
	tests/integration/log_socket.py \
	tests/integration/memory.py \
	tests/integration/nats_output.py \
	tests/integration/odd_starts.py \
	tests/integration/priority.py \
	tests/integration/real_clients.py \
	tests/integration/stop_and_reload.py \
	tests/integration/text.py

TESTS += $(integration_tests)
EXTRA_DIST += $(integration_tests) tests/integration/valgrind.supp \
	tests/integration/client/peer.py \
	tests/integration/clients.py \
	tests/integration/jetstream.py \
	tests/integration/kernel.py \
	tests/integration/records.py \
	tests/integration/running.py \
	tests/integration/sinks.py \
	tests/integration/support.py \
	tests/integration/waiting.py
