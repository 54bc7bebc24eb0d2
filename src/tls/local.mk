# TLS: the record layer as plain data, and handshakes by OpenSSL. It knows include/peerlog and
# OpenSSL; no socket, no clock. A build without TLS leaves all of it out.
if HAVE_TLS
noinst_LIBRARIES += libpeerlog-tls.a
endif
libpeerlog_tls_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
libpeerlog_tls_a_SOURCES = \
	src/tls/private.h \
	src/tls/protect.c \
	src/tls/schedule.c \
	src/tls/suite.c src/tls/suite.h \
	src/tls/tls_record.c src/tls/tls_record.h
