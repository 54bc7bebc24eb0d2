# TLS: the record layer as plain data, and handshakes by OpenSSL. It knows include/peerlog and
# OpenSSL; no socket, no clock. A build without TLS leaves all of it out.
if HAVE_TLS
noinst_LIBRARIES += libpeerlog-tls.a
endif
libpeerlog_tls_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
libpeerlog_tls_a_SOURCES = $(tls_sources)
tls_sources = \
	src/tls/private.h \
	src/tls/protect.c \
	src/tls/refusal.c \
	src/tls/schedule.c \
	src/tls/suite.c src/tls/suite.h \
	src/tls/tls_context.c src/tls/tls_context.h \
	src/tls/tls_handshake.c src/tls/tls_handshake.h \
	src/tls/tls_name.c src/tls/tls_name.h \
	src/tls/tls_record.c src/tls/tls_record.h

# The daemon loads it, with OpenSSL, when a listener speaks TLS. It uses the daemon's own functions.
if HAVE_TLS
module_PROGRAMS += peerlogd-tls.so
endif
peerlogd_tls_so_SOURCES = $(tls_sources) \
	src/daemon/session/tls.c src/daemon/session/tls.h \
	src/daemon/session/tls_shake.c
peerlogd_tls_so_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
peerlogd_tls_so_CFLAGS = $(AM_CFLAGS) -fPIC
peerlogd_tls_so_LDFLAGS = $(SHARED_FLAGS)
peerlogd_tls_so_LDADD = $(OPENSSL_LIBS)
