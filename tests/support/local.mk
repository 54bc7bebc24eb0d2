# What unit tests and fuzzers share: no test library is needed for it but for the work.
check_LIBRARIES += libpeerlog-test.a libpeerlog-settings-test.a libpeerlog-work-test.a
libpeerlog_test_a_SOURCES = \
	tests/support/cuts.c tests/support/cuts.h \
	tests/support/intake.c tests/support/intake.h \
	tests/support/oracle.c tests/support/oracle.h \
	tests/support/oracle_forms.c \
	tests/support/oracle_frames.c \
	tests/support/oracle_parts.h \
	tests/support/oracle_records.c \
	tests/support/oracle_texts.c \
	tests/support/proxy.c tests/support/proxy.h \
	tests/support/relp_frames.c tests/support/relp_frames.h \
	tests/support/relp_talk.c tests/support/relp_talk.h
libpeerlog_test_a_CPPFLAGS = $(TEST_CPPFLAGS)

libpeerlog_settings_test_a_SOURCES = \
	tests/support/in_range.h \
	tests/support/settings.c tests/support/settings.h
libpeerlog_settings_test_a_CPPFLAGS = $(TEST_CPPFLAGS)

libpeerlog_work_test_a_SOURCES = \
	tests/support/broker.c tests/support/broker.h \
	tests/support/deaths.c tests/support/deaths.h \
	tests/support/file_rig.c tests/support/file_rig.h \
	tests/support/rig.c tests/support/rig.h \
	tests/support/stepping.c tests/support/stepping.h
libpeerlog_work_test_a_CPPFLAGS = $(TEST_CPPFLAGS)

if HAVE_TLS
check_LIBRARIES += libpeerlog-tls-test.a
endif
libpeerlog_tls_test_a_SOURCES = \
	tests/support/tls_peer.c tests/support/tls_peer.h \
	tests/support/tls_pki.c tests/support/tls_pki.h
libpeerlog_tls_test_a_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
