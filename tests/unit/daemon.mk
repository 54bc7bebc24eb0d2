# Tests of the daemon's own modules that need no network.
DAEMON_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
DAEMON_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
DAEMON_LIBS = libpeerlogd.a libpeerlog-os.a libpeerlog-core.a $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS) \
	$(CMOCKA_LIBS)

if HAVE_CMOCKA
DAEMON_TESTS = \
	tests/unit/test_admission \
	tests/unit/test_format \
	tests/unit/test_ledger \
	tests/unit/test_parking \
	tests/unit/test_status
check_PROGRAMS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
endif

tests_unit_test_admission_SOURCES = tests/unit/test_admission.c
tests_unit_test_admission_CPPFLAGS = $(DAEMON_CPPFLAGS)
tests_unit_test_admission_CFLAGS = $(DAEMON_CFLAGS)
tests_unit_test_admission_LDADD = $(DAEMON_LIBS)

tests_unit_test_format_SOURCES = tests/unit/test_format.c
tests_unit_test_format_CPPFLAGS = $(DAEMON_CPPFLAGS)
tests_unit_test_format_CFLAGS = $(DAEMON_CFLAGS)
tests_unit_test_format_LDADD = $(DAEMON_LIBS)

tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c
tests_unit_test_ledger_CPPFLAGS = $(DAEMON_CPPFLAGS)
tests_unit_test_ledger_CFLAGS = $(DAEMON_CFLAGS)
tests_unit_test_ledger_LDADD = $(DAEMON_LIBS)

tests_unit_test_parking_SOURCES = tests/unit/test_parking.c
tests_unit_test_parking_CPPFLAGS = $(DAEMON_CPPFLAGS)
tests_unit_test_parking_CFLAGS = $(DAEMON_CFLAGS)
tests_unit_test_parking_LDADD = $(DAEMON_LIBS)

tests_unit_test_status_SOURCES = tests/unit/test_status.c
tests_unit_test_status_CPPFLAGS = $(DAEMON_CPPFLAGS)
tests_unit_test_status_CFLAGS = $(DAEMON_CFLAGS)
tests_unit_test_status_LDADD = $(DAEMON_LIBS)
