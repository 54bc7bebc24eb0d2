# Unit tests: a program for each module, of the source that has its name. A new one needs a
# line in its list, and its two lines. The libraries hold what they and the fuzzers share.
check_LIBRARIES += libpeerlog-test.a libpeerlog-settings-test.a libpeerlog-work-test.a
libpeerlog_test_a_SOURCES = \
	tests/unit/cuts.c \
	tests/unit/cuts.h \
	tests/unit/oracle.c \
	tests/unit/oracle.h \
	tests/unit/support.c \
	tests/unit/support.h
libpeerlog_test_a_CPPFLAGS = $(TEST_CPPFLAGS)
libpeerlog_settings_test_a_SOURCES = \
	tests/unit/settings_support.c \
	tests/unit/settings_support.h
libpeerlog_settings_test_a_CPPFLAGS = $(TEST_CPPFLAGS)
libpeerlog_work_test_a_SOURCES = \
	tests/unit/broker.c \
	tests/unit/broker.h \
	tests/unit/rig.c \
	tests/unit/rig.h \
	tests/unit/stepping.c \
	tests/unit/stepping.h
libpeerlog_work_test_a_CPPFLAGS = $(TEST_CPPFLAGS)

EXTRA_DIST += tests/unit/journald tests/unit/settings tests/unit/libconfig.supp

CORE_TESTS = \
	tests/unit/test_cidr \
	tests/unit/test_escape \
	tests/unit/test_framer \
	tests/unit/test_framer_oversize \
	tests/unit/test_framer_state \
	tests/unit/test_number \
	tests/unit/test_peer \
	tests/unit/test_priority \
	tests/unit/test_proxy \
	tests/unit/test_record \
	tests/unit/test_stranger \
	tests/unit/test_utf8
DAEMON_TESTS = \
	tests/unit/test_admission \
	tests/unit/test_conn \
	tests/unit/test_connection \
	tests/unit/test_format \
	tests/unit/test_ledger \
	tests/unit/test_ledger_deaths \
	tests/unit/test_mailbox \
	tests/unit/test_output \
	tests/unit/test_parking \
	tests/unit/test_preface \
	tests/unit/test_round \
	tests/unit/test_status \
	tests/unit/test_upgrade \
	tests/unit/test_warnings
SETTINGS_TESTS = \
	tests/unit/test_settings \
	tests/unit/test_settings_faults \
	tests/unit/test_settings_memory \
	tests/unit/test_settings_table
CLIENT_TESTS = \
	tests/unit/test_client_composer \
	tests/unit/test_client_options \
	tests/unit/test_client_outbox

if HAVE_CMOCKA
check_PROGRAMS += $(CORE_TESTS) $(DAEMON_TESTS) $(SETTINGS_TESTS) $(CLIENT_TESTS)
TESTS += $(CORE_TESTS) $(DAEMON_TESTS) $(SETTINGS_TESTS) $(CLIENT_TESTS)
endif

CORE_LIBS = libpeerlog-test.a libpeerlog-core.a $(CMOCKA_LIBS)
DAEMON_LIBS = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a libpeerlog-test.a \
	libpeerlog-core.a $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS) $(CMOCKA_LIBS)
WORK_LIBS = libpeerlog-work-test.a $(DAEMON_LIBS)
SETTINGS_LIBS = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-test.a libpeerlog-core.a \
	$(LIBCONFIG_LIBS) $(CMOCKA_LIBS)
CLIENT_LIBS = libpeerlog-client.a libpeerlog-core.a $(CMOCKA_LIBS)

tests_unit_test_cidr_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_cidr_LDADD = $(CORE_LIBS)
tests_unit_test_escape_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_escape_LDADD = $(CORE_LIBS)
tests_unit_test_framer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_LDADD = $(CORE_LIBS)
tests_unit_test_framer_oversize_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_oversize_LDADD = $(CORE_LIBS)
tests_unit_test_framer_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_framer_state_LDADD = $(CORE_LIBS)
tests_unit_test_number_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_number_LDADD = $(CORE_LIBS)
tests_unit_test_peer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_peer_LDADD = $(CORE_LIBS)
tests_unit_test_priority_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_priority_LDADD = $(CORE_LIBS)
tests_unit_test_proxy_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_proxy_LDADD = $(CORE_LIBS)
tests_unit_test_record_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_record_LDADD = $(CORE_LIBS)
tests_unit_test_stranger_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_stranger_LDADD = $(CORE_LIBS)
tests_unit_test_utf8_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_utf8_LDADD = $(CORE_LIBS)

tests_unit_test_admission_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_admission_LDADD = $(DAEMON_LIBS)
tests_unit_test_conn_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_conn_LDADD = $(WORK_LIBS)
tests_unit_test_connection_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_connection_LDADD = $(DAEMON_LIBS)
tests_unit_test_format_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_format_LDADD = $(DAEMON_LIBS)
tests_unit_test_ledger_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ledger_LDADD = $(DAEMON_LIBS)
tests_unit_test_ledger_deaths_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_ledger_deaths_LDADD = $(WORK_LIBS)
tests_unit_test_mailbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_mailbox_LDADD = $(WORK_LIBS)
tests_unit_test_output_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_output_LDADD = $(WORK_LIBS)
tests_unit_test_parking_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_parking_LDADD = $(DAEMON_LIBS)
tests_unit_test_preface_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_preface_LDADD = $(DAEMON_LIBS)
tests_unit_test_round_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_round_LDADD = $(WORK_LIBS)
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

tests_unit_test_client_composer_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_composer_LDADD = $(CLIENT_LIBS)
tests_unit_test_client_options_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_options_LDADD = $(CLIENT_LIBS)
tests_unit_test_client_outbox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_test_client_outbox_LDADD = $(CLIENT_LIBS)
