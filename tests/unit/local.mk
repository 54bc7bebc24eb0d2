# Unit tests: a program for each module, of the source that has its name. A new one needs a
# line in its list, and its two lines. The libraries hold what they and the fuzzers share.
check_LIBRARIES += libpeerlog-test.a libpeerlog-settings-test.a libpeerlog-work-test.a
libpeerlog_test_a_SOURCES = \
	tests/unit/cuts.c \
	tests/unit/cuts.h \
	tests/unit/oracle.c \
	tests/unit/oracle.h \
	tests/unit/proxy_support.c \
	tests/unit/proxy_support.h \
	tests/unit/oracle_forms.c \
	tests/unit/oracle_frames.c \
	tests/unit/oracle_parts.h \
	tests/unit/oracle_records.c \
	tests/unit/oracle_texts.c \
	tests/unit/relp_frames.c \
	tests/unit/relp_frames.h \
	tests/unit/relp_talk.c \
	tests/unit/relp_talk.h \
	tests/unit/support.c \
	tests/unit/support.h
libpeerlog_test_a_CPPFLAGS = $(TEST_CPPFLAGS)
libpeerlog_settings_test_a_SOURCES = \
	tests/unit/settings_support.c \
	tests/unit/in_range.h \
	tests/unit/settings_support.h
libpeerlog_settings_test_a_CPPFLAGS = $(TEST_CPPFLAGS)
libpeerlog_tls_test_a_SOURCES = \
	tests/unit/tls_peer.c \
	tests/unit/tls_peer.h \
	tests/unit/tls_pki.c \
	tests/unit/tls_pki.h
libpeerlog_tls_test_a_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
libpeerlog_work_test_a_SOURCES = \
	tests/unit/broker.c \
	tests/unit/broker.h \
	tests/unit/deaths.c \
	tests/unit/deaths.h \
	tests/unit/rig.c \
	tests/unit/rig.h \
	tests/unit/stepping.c \
	tests/unit/stepping.h
libpeerlog_work_test_a_CPPFLAGS = $(TEST_CPPFLAGS)

EXTRA_DIST += tests/unit/journald tests/unit/settings tests/unit/libconfig.supp

CORE_TESTS = \
	tests/unit/test_cidr \
	tests/unit/test_crc32c \
	tests/unit/test_escape \
	tests/unit/test_framer \
	tests/unit/test_framer_oversize \
	tests/unit/test_framer_senders \
	tests/unit/test_framer_state \
	tests/unit/test_loop \
	tests/unit/test_marks \
	tests/unit/test_number \
	tests/unit/test_path_template \
	tests/unit/test_peer \
	tests/unit/test_priority \
	tests/unit/test_protocol_detect \
	tests/unit/test_proxy \
	tests/unit/test_proxy_extensions \
	tests/unit/test_record \
	tests/unit/test_relp \
	tests/unit/test_relp_stream \
	tests/unit/test_subject \
	tests/unit/test_utf8
OS_TESTS = \
	tests/unit/test_net
DAEMON_TESTS = \
	tests/unit/test_admin_safe_text \
	tests/unit/test_admin_wanted \
	tests/unit/test_admission \
	tests/unit/test_answer \
	tests/unit/test_conn \
	tests/unit/test_framer_manual \
	tests/unit/test_connection \
	tests/unit/test_file_format \
	tests/unit/test_format \
	tests/unit/test_json \
	tests/unit/test_ledger \
	tests/unit/test_ledger_deaths \
	tests/unit/test_load \
	tests/unit/test_mailbox \
	tests/unit/test_output \
	tests/unit/test_output_file \
	tests/unit/test_output_journal \
	tests/unit/test_parking \
	tests/unit/test_preface \
	tests/unit/test_prometheus \
	tests/unit/test_round \
	tests/unit/test_session_relp \
	tests/unit/test_status \
	tests/unit/test_trace \
	tests/unit/test_upgrade \
	tests/unit/test_warnings
SETTINGS_TESTS = \
	tests/unit/test_settings \
	tests/unit/test_settings_faults \
	tests/unit/test_settings_memory \
	tests/unit/test_settings_table \
	tests/unit/test_target
CLIENT_TESTS = \
	tests/unit/test_client_composer \
	tests/unit/test_client_options \
	tests/unit/test_client_outbox \
	tests/unit/test_client_session
CTL_TESTS = \
	tests/unit/test_ctl_numbers \
	tests/unit/test_ctl_options \
	tests/unit/test_ctl_view
TLS_TESTS = \
	tests/unit/test_tls_deaths \
	tests/unit/test_tls_context \
	tests/unit/test_tls_handshake \
	tests/unit/test_tls_name \
	tests/unit/test_tls_record \
	tests/unit/test_tls_rules

if HAVE_TLS
check_LIBRARIES += libpeerlog-tls-test.a
if HAVE_CMOCKA
check_PROGRAMS += $(TLS_TESTS)
TESTS += $(TLS_TESTS)
endif
endif

if HAVE_ADMIN
if HAVE_CMOCKA
check_PROGRAMS += $(CTL_TESTS)
TESTS += $(CTL_TESTS)
endif
endif

if HAVE_CMOCKA
check_PROGRAMS += $(CORE_TESTS) $(OS_TESTS) $(DAEMON_TESTS) $(SETTINGS_TESTS) $(CLIENT_TESTS)
TESTS += $(CORE_TESTS) $(OS_TESTS) $(DAEMON_TESTS) $(SETTINGS_TESTS) $(CLIENT_TESTS)
endif

CORE_LIBS = libpeerlog-test.a libpeerlog-core.a $(CMOCKA_LIBS)
OS_LIBS = libpeerlog-os.a libpeerlog-core.a $(CMOCKA_LIBS)
DAEMON_LIBS = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a libpeerlog-test.a \
	libpeerlog-core.a $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS) $(CMOCKA_LIBS)
WORK_LIBS = libpeerlog-work-test.a $(DAEMON_LIBS)
SETTINGS_LIBS = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a libpeerlog-test.a libpeerlog-core.a \
	$(LIBCONFIG_LIBS) $(CMOCKA_LIBS)
TLS_LIBS = libpeerlog-tls-test.a libpeerlog-tls.a libpeerlog-test.a libpeerlog-core.a \
	$(OPENSSL_LIBS)
CLIENT_LIBS = libpeerlog-client.a libpeerlog-core.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_cidr_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_cidr_LDADD = $(CORE_LIBS)
tests_unit_test_crc32c_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_crc32c_LDADD = $(CORE_LIBS)
tests_unit_test_escape_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_escape_LDADD = $(CORE_LIBS)
tests_unit_test_framer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_LDADD = $(CORE_LIBS)
tests_unit_test_framer_oversize_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_oversize_LDADD = $(CORE_LIBS)
tests_unit_test_framer_senders_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_senders_LDADD = $(CORE_LIBS)
tests_unit_test_framer_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_state_LDADD = $(CORE_LIBS)
tests_unit_test_loop_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_loop_LDADD = $(CORE_LIBS)
tests_unit_test_marks_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_marks_LDADD = $(CORE_LIBS)
tests_unit_test_number_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_number_LDADD = $(CORE_LIBS)
tests_unit_test_path_template_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_path_template_LDADD = $(CORE_LIBS)
tests_unit_test_peer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_peer_LDADD = $(CORE_LIBS)
tests_unit_test_priority_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_priority_LDADD = $(CORE_LIBS)
tests_unit_test_protocol_detect_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_protocol_detect_LDADD = $(CORE_LIBS)
tests_unit_test_proxy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_proxy_LDADD = $(CORE_LIBS)
tests_unit_test_proxy_extensions_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_proxy_extensions_LDADD = $(CORE_LIBS)
tests_unit_test_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_record_LDADD = $(CORE_LIBS)
tests_unit_test_relp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_relp_LDADD = $(CORE_LIBS)
tests_unit_test_relp_stream_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_relp_stream_LDADD = $(CORE_LIBS)
tests_unit_test_subject_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_subject_LDADD = $(CORE_LIBS)
tests_unit_test_utf8_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_utf8_LDADD = $(CORE_LIBS)

tests_unit_test_net_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_net_LDADD = $(OS_LIBS)

tests_unit_test_admin_safe_text_SOURCES = tests/unit/test_admin_safe_text.c \
	src/daemon/admin/safe_text.c
tests_unit_test_admin_safe_text_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_admin_safe_text_LDADD = $(DAEMON_LIBS)
tests_unit_test_trace_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_trace_LDADD = $(DAEMON_LIBS)
tests_unit_test_admin_wanted_SOURCES = tests/unit/test_admin_wanted.c src/daemon/admin/wanted.c
tests_unit_test_admin_wanted_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_admin_wanted_LDADD = $(DAEMON_LIBS)
tests_unit_test_admission_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_admission_LDADD = $(DAEMON_LIBS)
tests_unit_test_answer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_answer_LDADD = $(DAEMON_LIBS)
tests_unit_test_conn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_conn_LDADD = $(WORK_LIBS)
tests_unit_test_connection_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_connection_LDADD = $(DAEMON_LIBS)
tests_unit_test_file_format_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_file_format_LDADD = $(DAEMON_LIBS)
tests_unit_test_format_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_format_LDADD = $(DAEMON_LIBS)
tests_unit_test_json_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_json_LDADD = $(DAEMON_LIBS)
tests_unit_test_ledger_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ledger_LDADD = $(DAEMON_LIBS)
tests_unit_test_output_file_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_output_file_LDADD = $(DAEMON_LIBS)
tests_unit_test_output_journal_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_output_journal_LDADD = $(DAEMON_LIBS)
tests_unit_test_ledger_deaths_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ledger_deaths_LDADD = $(WORK_LIBS)
tests_unit_test_load_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_load_LDADD = $(DAEMON_LIBS)
tests_unit_test_mailbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_mailbox_LDADD = $(WORK_LIBS)
tests_unit_test_output_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_output_LDADD = $(WORK_LIBS)
tests_unit_test_framer_manual_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_manual_LDADD = $(DAEMON_LIBS)
tests_unit_test_parking_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_parking_LDADD = $(DAEMON_LIBS)
tests_unit_test_preface_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_preface_LDADD = $(DAEMON_LIBS)
tests_unit_test_prometheus_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_prometheus_LDADD = $(DAEMON_LIBS)
tests_unit_test_round_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_round_LDADD = $(WORK_LIBS)
tests_unit_test_session_relp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_session_relp_LDADD = $(WORK_LIBS)
tests_unit_test_status_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_status_LDADD = $(DAEMON_LIBS)
tests_unit_test_upgrade_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_upgrade_LDADD = $(WORK_LIBS)
tests_unit_test_warnings_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_warnings_LDADD = $(DAEMON_LIBS)

tests_unit_test_settings_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_settings_LDADD = $(SETTINGS_LIBS)
tests_unit_test_settings_faults_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_settings_faults_LDADD = $(SETTINGS_LIBS)
tests_unit_test_settings_memory_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_settings_memory_LDADD = $(SETTINGS_LIBS)
tests_unit_test_settings_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=reallocarray
tests_unit_test_settings_table_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_settings_table_LDADD = $(SETTINGS_LIBS)

tests_unit_test_target_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_target_LDADD = $(SETTINGS_LIBS)

tests_unit_test_client_composer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_composer_LDADD = $(CLIENT_LIBS)
tests_unit_test_client_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_options_LDADD = $(CLIENT_LIBS)
tests_unit_test_client_outbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_outbox_LDADD = $(CLIENT_LIBS)
tests_unit_test_client_session_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_session_LDADD = $(CLIENT_LIBS)

tests_unit_test_ctl_numbers_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ctl_numbers_LDADD = libpeerlog-ctl.a $(CMOCKA_LIBS)
tests_unit_test_ctl_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ctl_options_LDADD = libpeerlog-ctl.a $(CMOCKA_LIBS)
tests_unit_test_ctl_view_CPPFLAGS = $(TEST_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_ctl_view_LDADD = libpeerlog-ctl.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_tls_context_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_context_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tls_handshake_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_handshake_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tls_name_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_name_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tls_record_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_record_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tls_rules_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_rules_LDADD = $(TLS_LIBS) $(CMOCKA_LIBS)

# The transport itself, without its module.
tests_unit_test_tls_deaths_SOURCES = tests/unit/test_tls_deaths.c \
	src/daemon/session/tls.c src/daemon/session/tls_shake.c
tests_unit_test_tls_deaths_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_deaths_LDADD = $(WORK_LIBS) libpeerlog-tls.a $(OPENSSL_LIBS)
