# The vocabulary's implementation: pure, no descriptor, thread, clock, log or global.
noinst_LIBRARIES += libpeerlog-core.a
libpeerlog_core_a_SOURCES = \
	src/core/cidr.c \
	src/core/escape.c \
	src/core/framer.c \
	src/core/number.c \
	src/core/peer.c \
	src/core/priority.c \
	src/core/proxy.c \
	src/core/record.c \
	src/core/relp.c \
	src/core/stranger.c \
	src/core/utf8.c
