# The daemon: everything but main() is a library, so that tests can link it.
noinst_LIBRARIES += libpeerlogd.a
libpeerlogd_a_SOURCES = \
	src/daemon/admission.c src/daemon/admission.h \
	src/daemon/batch.h \
	src/daemon/connection.c src/daemon/connection.h \
	src/daemon/format.c src/daemon/format.h \
	src/daemon/greeting.c src/daemon/greeting.h \
	src/daemon/inheritance.c src/daemon/inheritance.h \
	src/daemon/ledger.c src/daemon/ledger.h src/daemon/ledger_layout.h \
	src/daemon/listener.c src/daemon/listener.h \
	src/daemon/listening.c src/daemon/listening.h \
	src/daemon/message_ids.h \
	src/daemon/moving.c src/daemon/moving.h \
	src/daemon/options.c src/daemon/options.h \
	src/daemon/output.c src/daemon/output.h \
	src/daemon/output_journal.c \
	src/daemon/output_stdout.c \
	src/daemon/output_syslog.c \
	src/daemon/parking.c src/daemon/parking.h \
	src/daemon/reload_request.c src/daemon/reload_request.h \
	src/daemon/round.c src/daemon/round.h \
	src/daemon/rulebook.h \
	src/daemon/server.c src/daemon/server.h \
	src/daemon/server_hand_out.c \
	src/daemon/server_parts.h src/daemon/server_run.c \
	src/daemon/server_stop.c \
	src/daemon/settings.c src/daemon/settings.h \
	src/daemon/settings_faults.c src/daemon/settings_faults.h \
	src/daemon/settings_file.c src/daemon/settings_file.h \
	src/daemon/settings_suggest.c src/daemon/settings_suggest.h \
	src/daemon/settings_table.c src/daemon/settings_table.h \
	src/daemon/settings_text.c src/daemon/settings_text.h \
	src/daemon/settings_value.c src/daemon/settings_value.h \
	src/daemon/stats.h \
	src/daemon/status.c src/daemon/status.h \
	src/daemon/takeover.c src/daemon/takeover.h \
	src/daemon/takeover_bytes.c src/daemon/takeover_parts.h \
	src/daemon/takeover_sockets.c \
	src/daemon/warnings.c src/daemon/warnings.h \
	src/daemon/worker.c src/daemon/worker.h \
	src/daemon/worker_drain.c src/daemon/worker_parts.h \
	src/daemon/worker_serve.c src/daemon/worker_time.c

sbin_PROGRAMS += peerlogd
peerlogd_SOURCES = src/daemon/main.c
peerlogd_LDADD = libpeerlogd.a libpeerlog-os.a libpeerlog-core.a \
	$(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS)
