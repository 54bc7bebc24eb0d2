# Survival: the daemon under a service manager in miniature, with the streams and the log of the
# system tests. No root, no systemd.

survival_tests = \
	tests/survival/absence.py \
	tests/survival/activation.py \
	tests/survival/changes.py \
	tests/survival/counters.py \
	tests/survival/crashes.py \
	tests/survival/jetstream_kills.py \
	tests/survival/kafka_kills.py \
	tests/survival/kills.py \
	tests/survival/ledgers.py \
	tests/survival/lots.py \
	tests/survival/many.py \
	tests/survival/partials.py \
	tests/survival/relp.py \
	tests/survival/reloads.py \
	tests/survival/restarts.py \
	tests/survival/stalls.py \
	tests/survival/stopping.py \
	tests/survival/store.py \
	tests/survival/takeovers.py \
	tests/survival/tls.py \
	tests/survival/tls_senders.py \
	tests/survival/upgrade.py \
	tests/survival/watchdog.py

TESTS += $(survival_tests)
EXTRA_DIST += $(survival_tests) scripts/soak \
	tests/survival/senders.py \
	tests/survival/service_manager.py \
	tests/survival/soak.py \
	tests/survival/survival.py

# The daemon with a fatal weakness: see fragile.c.
check_PROGRAMS += tests/survival/fragile_peerlogd
tests_survival_fragile_peerlogd_SOURCES = src/daemon/main.c tests/survival/fragile.c
tests_survival_fragile_peerlogd_CPPFLAGS = $(AM_CPPFLAGS)
tests_survival_fragile_peerlogd_LDFLAGS = $(peerlogd_LDFLAGS) -Wl,--wrap=escape_clean_bytes
tests_survival_fragile_peerlogd_DEPENDENCIES = $(peerlogd_DEPENDENCIES)
tests_survival_fragile_peerlogd_LDADD = $(peerlogd_LDADD)

# The daemon whose connections change their worker all the time: see restless.c.
check_PROGRAMS += tests/survival/restless_peerlogd
tests_survival_restless_peerlogd_SOURCES = src/daemon/main.c tests/survival/restless.c
tests_survival_restless_peerlogd_CPPFLAGS = $(AM_CPPFLAGS)
tests_survival_restless_peerlogd_LDFLAGS = $(peerlogd_LDFLAGS) -Wl,--wrap=worker_share
tests_survival_restless_peerlogd_DEPENDENCIES = $(peerlogd_DEPENDENCIES)
tests_survival_restless_peerlogd_LDADD = $(peerlogd_LDADD)
