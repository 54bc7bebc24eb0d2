# Unit tests: a program for each module, with what they and the fuzzers share.
check_LIBRARIES += libpeerlog-test.a
libpeerlog_test_a_SOURCES = \
	tests/unit/cuts.c \
	tests/unit/cuts.h \
	tests/unit/oracle.c \
	tests/unit/oracle.h \
	tests/unit/support.c \
	tests/unit/support.h
libpeerlog_test_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

if HAVE_CMOCKA
UNIT_TESTS = \
	tests/unit/test_cidr \
	tests/unit/test_escape \
	tests/unit/test_framer \
	tests/unit/test_framer_oversize \
	tests/unit/test_framer_state \
	tests/unit/test_peer \
	tests/unit/test_priority \
	tests/unit/test_proxy \
	tests/unit/test_record \
	tests/unit/test_stranger \
	tests/unit/test_utf8
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
CORE_TEST_LIBS = libpeerlog-test.a libpeerlog-core.a

tests_unit_test_cidr_SOURCES = tests/unit/test_cidr.c
tests_unit_test_cidr_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_cidr_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_cidr_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_escape_SOURCES = tests/unit/test_escape.c
tests_unit_test_escape_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_escape_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_escape_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_framer_SOURCES = tests/unit/test_framer.c
tests_unit_test_framer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_framer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_framer_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_framer_oversize_SOURCES = tests/unit/test_framer_oversize.c
tests_unit_test_framer_oversize_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_framer_oversize_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_framer_oversize_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_framer_state_SOURCES = tests/unit/test_framer_state.c
tests_unit_test_framer_state_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_framer_state_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_framer_state_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_peer_SOURCES = tests/unit/test_peer.c
tests_unit_test_peer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_peer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_peer_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_priority_SOURCES = tests/unit/test_priority.c
tests_unit_test_priority_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_priority_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_priority_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_proxy_SOURCES = tests/unit/test_proxy.c
tests_unit_test_proxy_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_proxy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_proxy_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_record_SOURCES = tests/unit/test_record.c
tests_unit_test_record_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_record_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_record_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_stranger_SOURCES = tests/unit/test_stranger.c
tests_unit_test_stranger_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_stranger_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_stranger_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)

tests_unit_test_utf8_SOURCES = tests/unit/test_utf8.c
tests_unit_test_utf8_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_utf8_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_utf8_LDADD = $(CORE_TEST_LIBS) $(CMOCKA_LIBS)
