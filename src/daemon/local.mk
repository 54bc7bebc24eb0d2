# The daemon: everything but main() is a library, so that tests can link it.
noinst_LIBRARIES += libpeerlogd.a
libpeerlogd_a_SOURCES = \
	src/daemon/message_ids.h \
	src/daemon/options.c src/daemon/options.h \
	src/daemon/settings/broker.c src/daemon/settings/broker.h \
	src/daemon/settings/certificates.c src/daemon/settings/certificates.h \
	src/daemon/settings/dialect.c src/daemon/settings/dialect.h \
	src/daemon/settings/faults.c src/daemon/settings/faults.h \
	src/daemon/settings/file.c src/daemon/settings/file.h \
	src/daemon/settings/finish.c src/daemon/settings/finish.h \
	src/daemon/settings/origins.c src/daemon/settings/origins.h \
	src/daemon/settings/settings.c src/daemon/settings/settings.h \
	src/daemon/settings/output_settings.c \
	src/daemon/settings/output_settings.h \
	src/daemon/settings/snapshot.h \
	src/daemon/settings/suggest.c src/daemon/settings/suggest.h \
	src/daemon/settings/syntax.c src/daemon/settings/syntax.h \
	src/daemon/settings/table.c src/daemon/settings/table.h \
	src/daemon/settings/target.c src/daemon/settings/target.h \
	src/daemon/settings/text.c src/daemon/settings/text.h \
	src/daemon/settings/value.c src/daemon/settings/value.h \
	src/daemon/metrics/counters.c src/daemon/metrics/counters.h \
	src/daemon/metrics/prometheus.c src/daemon/metrics/prometheus.h \
	src/daemon/metrics/status.c src/daemon/metrics/status.h \
	src/daemon/ledger/capacity.c src/daemon/ledger/capacity.h \
	src/daemon/ledger/check.c src/daemon/ledger/check.h \
	src/daemon/ledger/connections.c src/daemon/ledger/connections.h \
	src/daemon/ledger/layout.h \
	src/daemon/ledger/layout1.h \
	src/daemon/ledger/ledger.c src/daemon/ledger/ledger.h \
	src/daemon/ledger/names.h \
	src/daemon/ledger/slot.h \
	src/daemon/ledger/upgrade.c src/daemon/ledger/upgrade.h \
	src/daemon/parking/compact.c src/daemon/parking/compact.h \
	src/daemon/parking/parking.c src/daemon/parking/parking.h \
	src/daemon/session/admission.c src/daemon/session/admission.h \
	src/daemon/session/announce.c src/daemon/session/announce.h \
	src/daemon/session/conn.c src/daemon/session/conn.h \
	src/daemon/session/foreign.c \
	src/daemon/session/plain.c \
	src/daemon/session/preface.c src/daemon/session/preface.h \
	src/daemon/session/relp.c \
	src/daemon/session/session.c src/daemon/session/session.h \
	src/daemon/session/silence.c src/daemon/session/silence.h \
	src/daemon/session/syslog.c \
	src/daemon/session/transport.h \
	src/daemon/output/batch.h \
	src/daemon/output/broker.c src/daemon/output/broker.h \
	src/daemon/output/connect.c \
	src/daemon/output/entry.c src/daemon/output/entry.h \
	src/daemon/output/file.c \
	src/daemon/output/file_format.c src/daemon/output/file_format.h \
	src/daemon/output/file_open.c src/daemon/output/file_open.h \
	src/daemon/output/file_route.c src/daemon/output/file_route.h \
	src/daemon/output/file_set.c src/daemon/output/file_set.h \
	src/daemon/output/file_sync.c src/daemon/output/file_sync.h \
	src/daemon/output/format.c src/daemon/output/format.h \
	src/daemon/output/journal.c \
	src/daemon/output/json.c src/daemon/output/json.h \
	src/daemon/output/kind.h \
	src/daemon/output/load.c src/daemon/output/load.h \
	src/daemon/output/output.c src/daemon/output/output.h \
	src/daemon/output/publisher.c src/daemon/output/publisher.h \
	src/daemon/output/stdout.c \
	src/daemon/output/syslog.c \
	src/daemon/output/syslog_stream.c \
	src/daemon/worker/crew.c src/daemon/worker/crew.h \
	src/daemon/worker/drain.c \
	src/daemon/worker/framing.c \
	src/daemon/worker/letters.c \
	src/daemon/worker/loops.c \
	src/daemon/worker/mailbox.c src/daemon/worker/mailbox.h \
	src/daemon/worker/peer_rates.c src/daemon/worker/peer_rates.h \
	src/daemon/worker/private.h \
	src/daemon/worker/rate.c \
	src/daemon/worker/round.c src/daemon/worker/round.h \
	src/daemon/worker/serve.c \
	src/daemon/worker/share.c \
	src/daemon/worker/timers.c \
	src/daemon/worker/trace.c src/daemon/worker/trace.h \
	src/daemon/worker/worker.c src/daemon/worker/worker.h \
	src/daemon/takeover/bytes.c \
	src/daemon/takeover/inheritance.c src/daemon/takeover/inheritance.h \
	src/daemon/takeover/private.h \
	src/daemon/takeover/sockets.c \
	src/daemon/takeover/takeover.c src/daemon/takeover/takeover.h \
	src/daemon/accept/acceptor.c src/daemon/accept/acceptor.h \
	src/daemon/accept/listen_set.c src/daemon/accept/listen_set.h \
	src/daemon/accept/pressure.c src/daemon/accept/pressure.h \
	src/daemon/advice/advice.c src/daemon/advice/advice.h \
	src/daemon/advice/certificates.c src/daemon/advice/certificates.h \
	src/daemon/advice/journald_conf.c src/daemon/advice/journald_conf.h \
	src/daemon/advice/log_files.c src/daemon/advice/log_files.h \
	src/daemon/advice/unit_properties.c src/daemon/advice/unit_properties.h \
	src/daemon/admin/admin.h \
	src/daemon/server/admin.c \
	src/daemon/server/hand_out.c \
	src/daemon/server/private.h \
	src/daemon/server/reload.c \
	src/daemon/server/reload_request.c src/daemon/server/reload_request.h \
	src/daemon/server/server.c src/daemon/server/server.h \
	src/daemon/server/stop.c \
	src/daemon/server/supervise.c

# Modules use functions of the daemon that it may not use itself: all of them are there.
sbin_PROGRAMS += peerlogd
peerlogd_SOURCES = src/daemon/main.c
peerlogd_LDFLAGS = $(AM_LDFLAGS) -rdynamic \
	-Wl,--whole-archive,libpeerlogd.a,libpeerlog-os.a,libpeerlog-core.a,--no-whole-archive
peerlogd_DEPENDENCIES = libpeerlogd.a libpeerlog-os.a libpeerlog-core.a
peerlogd_LDADD = $(LIBCONFIG_LIBS) $(LIBSYSTEMD_LIBS)

# The daemon loads it, with libmicrohttpd and jansson, when an administrator asks for the first
# time. What of it is pure is a library as well, for tests.
admin_sources = \
	src/daemon/admin/ask.c \
	src/daemon/admin/census.c \
	src/daemon/admin/http.c \
	src/daemon/admin/in_force.c \
	src/daemon/admin/onlookers.c \
	src/daemon/admin/private.h \
	src/daemon/admin/resources.c \
	src/daemon/admin/rows.c \
	src/daemon/admin/safe_text.c src/daemon/admin/safe_text.h \
	src/daemon/admin/trace.c \
	src/daemon/admin/wanted.c src/daemon/admin/wanted.h
if HAVE_ADMIN
module_PROGRAMS += peerlogd-admin.so
endif
peerlogd_admin_so_SOURCES = $(admin_sources)
peerlogd_admin_so_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS) $(JANSSON_CFLAGS)
peerlogd_admin_so_CFLAGS = $(AM_CFLAGS) -fPIC
peerlogd_admin_so_LDFLAGS = $(SHARED_FLAGS)
peerlogd_admin_so_LDADD = $(MICROHTTPD_LIBS) $(JANSSON_LIBS)

# Outputs in modules, which are loaded when they are configured. They use the daemon's functions.
if HAVE_NATS
module_PROGRAMS += peerlogd-nats.so
endif
peerlogd_nats_so_SOURCES = \
	src/daemon/output/nats.c \
	src/daemon/output/nats_chain.c src/daemon/output/nats_chain.h \
	src/daemon/output/nats_link.c src/daemon/output/nats_link.h \
	src/daemon/output/nats_publisher.c src/daemon/output/nats_publisher.h
peerlogd_nats_so_CFLAGS = $(AM_CFLAGS) $(NATS_CFLAGS) -fPIC
peerlogd_nats_so_LDFLAGS = $(SHARED_FLAGS)
peerlogd_nats_so_LDADD = $(NATS_LIBS)

if HAVE_KAFKA
module_PROGRAMS += peerlogd-kafka.so
endif
peerlogd_kafka_so_SOURCES = \
	src/daemon/output/kafka.c \
	src/daemon/output/kafka_link.c src/daemon/output/kafka_link.h \
	src/daemon/output/kafka_publisher.c src/daemon/output/kafka_publisher.h
peerlogd_kafka_so_CFLAGS = $(AM_CFLAGS) $(KAFKA_CFLAGS) -fPIC
peerlogd_kafka_so_LDFLAGS = $(SHARED_FLAGS)
peerlogd_kafka_so_LDADD = $(KAFKA_LIBS)
