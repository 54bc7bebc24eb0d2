# The client. Its parts are a library of their own, so that the unit tests link them too.
noinst_LIBRARIES += libpeerlog-client.a
libpeerlog_client_a_SOURCES = \
	src/client/composer.c \
	src/client/composer.h \
	src/client/delivery.h \
	src/client/delivery_plain.c \
	src/client/delivery_relp.c \
	src/client/header.c \
	src/client/header.h \
	src/client/interrupt.c \
	src/client/interrupt.h \
	src/client/lookup.c \
	src/client/lookup.h \
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
	src/client/session.c \
	src/client/session.h \
	src/client/source.c \
	src/client/source.h \
	src/client/structured.c \
	src/client/values.c \
	src/client/values_tls.c \
	src/client/values.h \
	src/client/wire.c \
	src/client/wire.h
libpeerlog_client_a_CPPFLAGS = $(AM_CPPFLAGS)
if HAVE_TLS
libpeerlog_client_a_SOURCES += src/client/secure.c src/client/secure_words.c
libpeerlog_client_a_CPPFLAGS += $(OPENSSL_CFLAGS)
else
libpeerlog_client_a_SOURCES += src/client/secure_none.c
endif
EXTRA_DIST += src/client/secure.h src/client/secure_words.h

bin_PROGRAMS += peerlog
peerlog_SOURCES = src/client/main.c
peerlog_LDADD = libpeerlog-client.a libpeerlog-os.a libpeerlog-core.a $(OPENSSL_LIBS)
