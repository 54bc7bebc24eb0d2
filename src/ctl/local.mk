# peerlogctl asks a daemon that runs. What is pure is a library, so that the unit tests link it too.
if HAVE_ADMIN
noinst_LIBRARIES += libpeerlog-ctl.a
bin_PROGRAMS += peerlogctl
endif
libpeerlog_ctl_a_SOURCES = \
	src/ctl/numbers.c src/ctl/numbers.h \
	src/ctl/options.c src/ctl/options.h \
	src/ctl/view.c src/ctl/view.h
libpeerlog_ctl_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
peerlogctl_SOURCES = \
	src/ctl/ask.c src/ctl/ask.h \
	src/ctl/commands.c src/ctl/commands.h \
	src/ctl/main.c \
	src/ctl/top.c src/ctl/top.h
peerlogctl_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(NCURSES_CFLAGS)
peerlogctl_LDADD = libpeerlog-ctl.a $(CURL_LIBS) $(JANSSON_LIBS) $(NCURSES_LIBS)
