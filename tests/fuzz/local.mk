# Fuzzers. `make check` replays their corpus with any compiler; scripts/fuzz lets libFuzzer
# look for more. A new one needs a line in FUZZERS, its three lines, and a corpus.
FUZZERS = \
	tests/fuzz/fuzz_escape \
	tests/fuzz/fuzz_framer \
	tests/fuzz/fuzz_ledger \
	tests/fuzz/fuzz_path_template \
	tests/fuzz/fuzz_priority \
	tests/fuzz/fuzz_protocol_detect \
	tests/fuzz/fuzz_proxy \
	tests/fuzz/fuzz_relp \
	tests/fuzz/fuzz_relp_session \
	tests/fuzz/fuzz_session \
	tests/fuzz/fuzz_settings \
	tests/fuzz/fuzz_state
if HAVE_TLS
FUZZERS += \
	tests/fuzz/fuzz_tls_record \
	tests/fuzz/fuzz_tls_state
endif
check_PROGRAMS += $(FUZZERS)
dist_check_SCRIPTS += tests/fuzz/replay
TESTS += tests/fuzz/replay
EXTRA_DIST += scripts/fuzz tests/fuzz/fuzz.h tests/fuzz/corpus tests/fuzz/dictionary

PHONY_TARGETS += fuzzers
fuzzers: $(FUZZERS)

# Who calls the fuzzer: libFuzzer, or a plain main().
if LIBFUZZER
FUZZ_LINK_FLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_LIBS = libpeerlog-test.a libpeerlog-core.a
else
check_LIBRARIES += libpeerlog-replay.a
libpeerlog_replay_a_SOURCES = tests/fuzz/replay_main.c
libpeerlog_replay_a_CPPFLAGS = $(TEST_CPPFLAGS)
FUZZ_LINK_FLAGS = $(AM_LDFLAGS)
FUZZ_LIBS = libpeerlog-replay.a libpeerlog-test.a libpeerlog-core.a
endif

TLS_SCRIPT = tests/fuzz/tls_script.c tests/fuzz/tls_script.h

tests_fuzz_fuzz_escape_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_escape_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_escape_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_framer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_framer_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_framer_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_ledger_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_ledger_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_ledger_LDADD = libpeerlogd.a libpeerlog-os.a $(FUZZ_LIBS) $(LIBCONFIG_LIBS) \
	$(LIBSYSTEMD_LIBS)

tests_fuzz_fuzz_path_template_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_path_template_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_path_template_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_priority_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_priority_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_priority_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_protocol_detect_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_protocol_detect_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_protocol_detect_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_proxy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_proxy_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_proxy_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_relp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_relp_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_relp_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_relp_session_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_relp_session_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_relp_session_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_session_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_session_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_session_LDADD = libpeerlog-client.a $(FUZZ_LIBS)

tests_fuzz_fuzz_settings_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_settings_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_settings_LDADD = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a $(FUZZ_LIBS) \
	$(LIBCONFIG_LIBS)

tests_fuzz_fuzz_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_state_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_state_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_tls_record_SOURCES = tests/fuzz/fuzz_tls_record.c $(TLS_SCRIPT)
tests_fuzz_fuzz_tls_record_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_tls_record_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_tls_record_LDADD = libpeerlog-tls-test.a libpeerlog-tls.a $(FUZZ_LIBS) \
	$(OPENSSL_LIBS)

tests_fuzz_fuzz_tls_state_SOURCES = tests/fuzz/fuzz_tls_state.c $(TLS_SCRIPT)
tests_fuzz_fuzz_tls_state_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_tls_state_LDFLAGS = $(FUZZ_LINK_FLAGS)
tests_fuzz_fuzz_tls_state_LDADD = libpeerlog-tls-test.a libpeerlog-tls.a $(FUZZ_LIBS) \
	$(OPENSSL_LIBS)
