# Scenarios on a real systemd in a container: `make check-system`, as root. Inside run the
# numbered streams and the log that counts them, which the survival tests use as well.

check_PROGRAMS += tests/system/stream tests/system/sink
tests_system_stream_SOURCES = \
	tests/system/stream.c \
	tests/system/numbered.c tests/system/numbered.h \
	tests/system/program.c tests/system/program.h \
	tests/system/wire.c tests/system/wire.h
tests_system_stream_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_system_stream_LDADD = $(OPENSSL_LIBS)
tests_system_sink_SOURCES = \
	tests/system/sink.c \
	tests/system/heard.c tests/system/heard.h \
	tests/system/numbered.c tests/system/numbered.h \
	tests/system/program.c tests/system/program.h \
	tests/system/tally.c tests/system/tally.h

system_scenarios = \
	tests/system/01_package.py \
	tests/system/02_restarts.py \
	tests/system/03_kills.py \
	tests/system/04_absence.py \
	tests/system/05_many.py \
	tests/system/06_log_daemons.py \
	tests/system/07_watchdog.py \
	tests/system/08_socket.py \
	tests/system/09_upgrade.py \
	tests/system/10_rate_limit.py \
	tests/system/11_security.py \
	tests/system/12_demonstration.py \
	tests/system/13_journal.py \
	tests/system/14_stop.py \
	tests/system/15_death_loop.py \
	tests/system/16_own_words.py \
	tests/system/17_tls.py \
	tests/system/18_soft_reboot.py \
	tests/system/19_tls_senders.py

TESTS += tests/system/units.py
EXTRA_DIST += \
	tests/system/README.md \
	tests/system/kafka.py \
	tests/system/run.py \
	tests/system/units.py \
	tests/system/harness/__init__.py \
	tests/system/harness/base.py \
	tests/system/harness/cgroup.py \
	tests/system/harness/daemon.py \
	tests/system/harness/failure.py \
	tests/system/harness/machine.py \
	tests/system/harness/package.py \
	tests/system/harness/traffic.py \
	$(system_scenarios)

# SUITE=trixie takes that Debian instead of this machine's, SCENARIOS="02 03" runs these alone,
# SYSTEMFLAGS=--percent=10 a tenth of the restarts and kills.  Not run at all is no failure,
# but is said.
PHONY_TARGETS += check-system
check-system: tests/system/stream$(EXEEXT) tests/system/sink$(EXEEXT)
	@$(PYTHON3) $(srcdir)/tests/system/run.py --source $(abs_top_srcdir) \
		--programs $(abs_top_builddir)/tests/system --logs $(abs_top_builddir)/system-logs \
		$(SUITE:%=--suite=%) $(SYSTEMFLAGS) $(SCENARIOS); status=$$?; test $$status -eq 77 || exit $$status
