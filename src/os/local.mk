# Thin wrappers over Linux: they never decide and never know who calls.
noinst_LIBRARIES += libpeerlog-os.a
libpeerlog_os_a_SOURCES = \
	src/os/answer.c src/os/answer.h \
	src/os/clock.c src/os/clock.h \
	src/os/holder.c src/os/holder.h \
	src/os/journald.c src/os/journald.h \
	src/os/log.c src/os/log.h \
	src/os/manager.c src/os/manager.h \
	src/os/memfd.c src/os/memfd.h \
	src/os/net.c src/os/net.h \
	src/os/notify.c src/os/notify.h \
	src/os/passing.c src/os/passing.h \
	src/os/poller.c src/os/poller.h \
	src/os/signals.c src/os/signals.h
