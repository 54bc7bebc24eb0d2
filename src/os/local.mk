# Thin wrappers over Linux: they never decide and never know who calls.
noinst_LIBRARIES += libpeerlog-os.a
libpeerlog_os_a_SOURCES = \
	src/os/answer.c src/os/answer.h \
	src/os/clock.c src/os/clock.h \
	src/os/fd_passing.c src/os/fd_passing.h \
	src/os/gate.c src/os/gate.h \
	src/os/heap.c src/os/heap.h \
	src/os/log.c src/os/log.h \
	src/os/memfd.c src/os/memfd.h \
	src/os/module.c src/os/module.h \
	src/os/net.c src/os/net.h \
	src/os/poller.c src/os/poller.h \
	src/os/port_owner.c src/os/port_owner.h \
	src/os/service_manager.c src/os/service_manager.h \
	src/os/signals.c src/os/signals.h \
	src/os/unix_socket.c src/os/unix_socket.h
