# Unit tests: a program for each module, in the folder of its room. A new one needs a line in the
# list of those that are linked with the same libraries; how it is built follows from that.

EXTRA_DIST += tests/unit/advice/journald tests/unit/libconfig.supp tests/unit/settings/files

CORE_TESTS = \
	tests/unit/core/test_cidr \
	tests/unit/core/test_crc32c \
	tests/unit/core/test_escape \
	tests/unit/core/test_framer \
	tests/unit/core/test_framer_oversize \
	tests/unit/core/test_framer_senders \
	tests/unit/core/test_framer_state \
	tests/unit/core/test_loop \
	tests/unit/core/test_marks \
	tests/unit/core/test_number \
	tests/unit/core/test_path_template \
	tests/unit/core/test_peer \
	tests/unit/core/test_priority \
	tests/unit/core/test_protocol_detect \
	tests/unit/core/test_proxy \
	tests/unit/core/test_proxy_extensions \
	tests/unit/core/test_record \
	tests/unit/core/test_relp \
	tests/unit/core/test_relp_stream \
	tests/unit/core/test_subject \
	tests/unit/core/test_utf8
OS_TESTS = \
	tests/unit/os/test_answer \
	tests/unit/os/test_net
DAEMON_TESTS = \
	tests/unit/admin/test_safe_text \
	tests/unit/admin/test_wanted \
	tests/unit/advice/test_advice \
	tests/unit/core/test_framer_manual \
	tests/unit/ledger/test_connections \
	tests/unit/ledger/test_deaths \
	tests/unit/ledger/test_ledger \
	tests/unit/ledger/test_upgrade \
	tests/unit/metrics/test_prometheus \
	tests/unit/metrics/test_status \
	tests/unit/output/test_entry \
	tests/unit/output/test_file \
	tests/unit/output/test_file_format \
	tests/unit/output/test_file_open \
	tests/unit/output/test_file_set \
	tests/unit/output/test_format \
	tests/unit/output/test_journal \
	tests/unit/output/test_json \
	tests/unit/output/test_load \
	tests/unit/output/test_output \
	tests/unit/output/test_publisher \
	tests/unit/parking/test_parking \
	tests/unit/session/test_admission \
	tests/unit/session/test_announce \
	tests/unit/session/test_conn \
	tests/unit/session/test_preface \
	tests/unit/session/test_relp \
	tests/unit/session/test_silence \
	tests/unit/settings/test_broker \
	tests/unit/settings/test_faults \
	tests/unit/settings/test_memory \
	tests/unit/settings/test_settings \
	tests/unit/settings/test_table \
	tests/unit/settings/test_target \
	tests/unit/worker/test_crew \
	tests/unit/worker/test_mailbox \
	tests/unit/worker/test_pause \
	tests/unit/worker/test_peer_rates \
	tests/unit/worker/test_rate \
	tests/unit/worker/test_round \
	tests/unit/worker/test_share \
	tests/unit/worker/test_timers \
	tests/unit/worker/test_trace
CLIENT_TESTS = \
	tests/unit/client/test_composer \
	tests/unit/client/test_options \
	tests/unit/client/test_outbox \
	tests/unit/client/test_session
CTL_TESTS = \
	tests/unit/ctl/test_numbers \
	tests/unit/ctl/test_options \
	tests/unit/ctl/test_view
TLS_TESTS = \
	tests/unit/tls/test_tls_context \
	tests/unit/tls/test_tls_handshake \
	tests/unit/tls/test_tls_name \
	tests/unit/tls/test_tls_record \
	tests/unit/tls/test_tls_rules

UNIT_TESTS = $(CORE_TESTS) $(OS_TESTS) $(DAEMON_TESTS) $(CLIENT_TESTS)
if HAVE_ADMIN
UNIT_TESTS += $(CTL_TESTS)
endif
if HAVE_TLS
UNIT_TESTS += $(TLS_TESTS) tests/unit/session/test_tls_deaths tests/unit/session/test_tls_shake
endif
if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

CORE_LIBS = libpeerlog-test.a libpeerlog-core.a
OS_LIBS = libpeerlog-os.a libpeerlog-core.a
DAEMON_LIBS = libpeerlog-work-test.a libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a \
	libpeerlog-test.a libpeerlog-core.a $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS)
CLIENT_LIBS = libpeerlog-client.a libpeerlog-core.a $(OPENSSL_LIBS)
CTL_LIBS = libpeerlog-ctl.a $(JANSSON_LIBS)
TLS_LIBS = libpeerlog-tls-test.a libpeerlog-tls.a libpeerlog-test.a libpeerlog-core.a \
	$(OPENSSL_LIBS)

# All are built alike: LDADD is what a program is linked with that does not say it itself.
tests/unit/%.o: AM_CPPFLAGS += -I$(top_srcdir)/tests $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) \
	$(OPENSSL_CFLAGS)
$(CORE_TESTS): LDADD = $(CORE_LIBS) $(CMOCKA_LIBS)
$(CORE_TESTS): $(filter %.a,$(CORE_LIBS))
$(OS_TESTS): LDADD = $(OS_LIBS) $(CMOCKA_LIBS)
$(OS_TESTS): $(filter %.a,$(OS_LIBS))
$(DAEMON_TESTS): LDADD = $(DAEMON_LIBS) $(CMOCKA_LIBS)
$(DAEMON_TESTS): $(filter %.a,$(DAEMON_LIBS))
$(CLIENT_TESTS): LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
$(CLIENT_TESTS): $(filter %.a,$(CLIENT_LIBS))
$(CTL_TESTS): LDADD = $(CTL_LIBS) $(CMOCKA_LIBS)
$(CTL_TESTS): $(filter %.a,$(CTL_LIBS))
$(TLS_TESTS): LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
$(TLS_TESTS): $(filter %.a,$(TLS_LIBS))

# Those that are tested without the module that they are a part of.
tests_unit_admin_test_safe_text_SOURCES = tests/unit/admin/test_safe_text.c \
	src/daemon/admin/safe_text.c
tests_unit_admin_test_wanted_SOURCES = tests/unit/admin/test_wanted.c src/daemon/admin/wanted.c
tests_unit_session_test_tls_deaths_SOURCES = tests/unit/session/test_tls_deaths.c \
	src/daemon/session/tls.c src/daemon/session/tls_shake.c
tests_unit_session_test_tls_deaths_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_session_test_tls_deaths_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tls_tools_new
tests_unit_session_test_tls_deaths_LDADD = $(DAEMON_LIBS) libpeerlog-tls.a $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_session_test_tls_shake_SOURCES = tests/unit/session/test_tls_shake.c \
	src/daemon/session/tls.c src/daemon/session/tls_shake.c
tests_unit_session_test_tls_shake_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_session_test_tls_shake_LDADD = $(DAEMON_LIBS) libpeerlog-tls.a $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_session_test_tls_shake_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ioctl

# When memory is short.
tests_unit_settings_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=reallocarray
