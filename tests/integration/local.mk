# Scenarios over real sockets, in Python's standard library alone; a missing client is skipped.

integration_tests = \
	tests/integration/access.py \
	tests/integration/admin.py \
	tests/integration/announcing.py \
	tests/integration/bad_config.py \
	tests/integration/bad_days.py \
	tests/integration/client/as_logger.py \
	tests/integration/ctl.py \
	tests/integration/client/broken_connection.py \
	tests/integration/client/documents.py \
	tests/integration/client/interrupted.py \
	tests/integration/client/large_file.py \
	tests/integration/client/lines_leave_at_once.py \
	tests/integration/client/relp.py \
	tests/integration/client/retry.py \
	tests/integration/client/textbook_server.py \
	tests/integration/client/tls.py \
	tests/integration/client/to_the_daemon.py \
	tests/integration/client/wire_forms.py \
	tests/integration/fairness.py \
	tests/integration/files.py \
	tests/integration/framing.py \
	tests/integration/goodbye.py \
	tests/integration/hostile.py \
	tests/integration/kafka_output.py \
	tests/integration/listeners.py \
	tests/integration/log_socket.py \
	tests/integration/loops.py \
	tests/integration/memory.py \
	tests/integration/metrics.py \
	tests/integration/nats_access.py \
	tests/integration/nats_answers.py \
	tests/integration/nats_output.py \
	tests/integration/odd_starts.py \
	tests/integration/priority.py \
	tests/integration/real_clients.py \
	tests/integration/relp.py \
	tests/integration/stop_and_reload.py \
	tests/integration/text.py \
	tests/integration/tls.py \
	tests/integration/tls_ends.py \
	tests/integration/tls_limits.py \
	tests/integration/tls_refusals.py \
	tests/integration/waiting_messages.py \
	tests/integration/without_admin.py

TESTS += $(integration_tests)
EXTRA_DIST += $(integration_tests) tests/integration/valgrind.supp \
	tests/integration/administered.py \
	tests/integration/certificates.py \
	tests/integration/client/omrelp.py \
	tests/integration/client/peer.py \
	tests/integration/client/relp_server.py \
	tests/integration/client/tls_files.py \
	tests/integration/clients.py \
	tests/integration/jetstream.py \
	tests/integration/kafka_cluster.py \
	tests/integration/kernel.py \
	tests/integration/nats_keys.py \
	tests/integration/records.py \
	tests/integration/running.py \
	tests/integration/sinks.py \
	tests/integration/support.py \
	tests/integration/tls_client.py \
	tests/integration/tls_programs.py \
	tests/integration/waiting.py

# The mock cluster of librdkafka, and a reader.
if HAVE_KAFKA
check_PROGRAMS += tests/integration/kafka_tool
endif
tests_integration_kafka_tool_SOURCES = tests/integration/kafka_tool.c
tests_integration_kafka_tool_CFLAGS = $(AM_CFLAGS) $(KAFKA_CFLAGS)
tests_integration_kafka_tool_LDADD = $(KAFKA_LIBS)
