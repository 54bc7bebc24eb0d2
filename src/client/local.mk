# The client. Its parts are a library of their own, so that the unit tests link them too.
noinst_LIBRARIES += libpeerlog-client.a
libpeerlog_client_a_SOURCES = \
	src/client/composer.c \
	src/client/composer.h \
	src/client/header.c \
	src/client/header.h \
	src/client/interrupt.c \
	src/client/interrupt.h \
	src/client/options.c \
	src/client/options.h \
	src/client/outbox.c \
	src/client/outbox.h \
	src/client/progress.c \
	src/client/progress.h \
	src/client/pump.c \
	src/client/pump.h \
	src/client/report.c \
	src/client/report.h \
	src/client/say.c \
	src/client/say.h \
	src/client/sender.c \
	src/client/sender.h \
	src/client/source.c \
	src/client/source.h \
	src/client/values.c \
	src/client/values.h \
	src/client/wire.c \
	src/client/wire.h

bin_PROGRAMS += peerlog
peerlog_SOURCES = src/client/main.c
peerlog_LDADD = libpeerlog-client.a libpeerlog-os.a libpeerlog-core.a

if HAVE_CMOCKA
check_PROGRAMS += test_client_composer test_client_options test_client_outbox
TESTS += test_client_composer test_client_options test_client_outbox

test_client_composer_SOURCES = tests/unit/test_client_composer.c
test_client_composer_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_client_composer_LDADD = libpeerlog-client.a libpeerlog-core.a $(CMOCKA_LIBS)

test_client_options_SOURCES = tests/unit/test_client_options.c
test_client_options_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_client_options_LDADD = libpeerlog-client.a libpeerlog-core.a $(CMOCKA_LIBS)

test_client_outbox_SOURCES = tests/unit/test_client_outbox.c
test_client_outbox_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_client_outbox_LDADD = libpeerlog-client.a libpeerlog-core.a $(CMOCKA_LIBS)
endif

client_tests = \
	tests/integration/client/broken_connection.py \
	tests/integration/client/documents.py \
	tests/integration/client/interrupted.py \
	tests/integration/client/large_file.py \
	tests/integration/client/lines_leave_at_once.py \
	tests/integration/client/retry.py \
	tests/integration/client/textbook_server.py \
	tests/integration/client/to_the_daemon.py \
	tests/integration/client/wire_forms.py
TESTS += $(client_tests)
EXTRA_DIST += $(client_tests) tests/integration/client/peer.py
