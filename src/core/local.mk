# The vocabulary's implementation: pure, no descriptor, thread, clock, log or global.
noinst_LIBRARIES += libpeerlog-core.a
libpeerlog_core_a_SOURCES = \
	src/core/cidr.c \
	src/core/crc32c.c \
	src/core/escape.c \
	src/core/framer.c \
	src/core/framer_open.c \
	src/core/framer_parts.h \
	src/core/framer_seam.c \
	src/core/framer_search.c \
	src/core/framer_state.c \
	src/core/framer_whole.c \
	src/core/loop.c \
	src/core/marks.c \
	src/core/number.c \
	src/core/path_template.c \
	src/core/peer.c \
	src/core/priority.c \
	src/core/protocol_detect.c \
	src/core/proxy.c \
	src/core/record.c \
	src/core/relp.c \
	src/core/relp_stream.c \
	src/core/subject.c \
	src/core/utf8.c
