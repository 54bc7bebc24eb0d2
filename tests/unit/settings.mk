# Tests of the settings and of the address ranges in them. The library holds what
# they share with the fuzzer.
check_LIBRARIES += libpeerlog-settings-test.a
libpeerlog_settings_test_a_SOURCES = \
	tests/unit/settings_support.c \
	tests/unit/settings_support.h
libpeerlog_settings_test_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

EXTRA_DIST += tests/unit/journald tests/unit/settings tests/unit/libconfig.supp

SETTINGS_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
SETTINGS_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
SETTINGS_LIBS = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-core.a $(LIBCONFIG_LIBS) \
	$(CMOCKA_LIBS)

if HAVE_CMOCKA
SETTINGS_TESTS = \
	tests/unit/test_settings \
	tests/unit/test_settings_faults \
	tests/unit/test_settings_memory \
	tests/unit/test_settings_table \
	tests/unit/test_warnings
check_PROGRAMS += $(SETTINGS_TESTS)
TESTS += $(SETTINGS_TESTS)
endif

tests_unit_test_settings_SOURCES = tests/unit/test_settings.c
tests_unit_test_settings_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_CFLAGS = $(SETTINGS_CFLAGS)
tests_unit_test_settings_LDADD = $(SETTINGS_LIBS)

tests_unit_test_settings_faults_SOURCES = tests/unit/test_settings_faults.c
tests_unit_test_settings_faults_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_faults_CFLAGS = $(SETTINGS_CFLAGS)
tests_unit_test_settings_faults_LDADD = $(SETTINGS_LIBS)

tests_unit_test_settings_memory_SOURCES = tests/unit/test_settings_memory.c
tests_unit_test_settings_memory_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_memory_CFLAGS = $(SETTINGS_CFLAGS)
tests_unit_test_settings_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=reallocarray
tests_unit_test_settings_memory_LDADD = $(SETTINGS_LIBS)

tests_unit_test_settings_table_SOURCES = tests/unit/test_settings_table.c
tests_unit_test_settings_table_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_table_CFLAGS = $(SETTINGS_CFLAGS)
tests_unit_test_settings_table_LDADD = $(SETTINGS_LIBS)

tests_unit_test_warnings_SOURCES = tests/unit/test_warnings.c
tests_unit_test_warnings_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_warnings_CFLAGS = $(SETTINGS_CFLAGS)
tests_unit_test_warnings_LDADD = libpeerlog-settings-test.a libpeerlogd.a libpeerlog-os.a \
	libpeerlog-core.a $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS) $(CMOCKA_LIBS)
