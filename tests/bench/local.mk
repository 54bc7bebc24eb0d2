# Measurements: `make bench`. Never part of `make all`; only the instruction counts,
# which are no timing, are part of `make check`.

bench_programs = \
	tests/bench/floor \
	tests/bench/launch \
	tests/bench/load \
	tests/bench/sink

# These know the daemon's own functions; built with the tests, they go along with them.
bench_insiders = tests/bench/micro
if HAVE_TLS
bench_insiders += tests/bench/tls
endif
check_PROGRAMS += $(bench_insiders)
if HAVE_KAFKA
bench_programs += tests/bench/kafka
endif
if HAVE_NATS
bench_programs += tests/bench/nats
endif

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_common = tests/bench/common.c tests/bench/common.h
bench_corpus = tests/bench/corpus.c tests/bench/corpus.h $(bench_common)

tests_bench_floor_SOURCES = tests/bench/floor.c $(bench_common)

tests_bench_launch_SOURCES = tests/bench/launch.c $(bench_common)

tests_bench_load_SOURCES = \
	tests/bench/load.c \
	tests/bench/load.h \
	tests/bench/load_churn.c \
	tests/bench/load_hold.c \
	tests/bench/load_seal.c \
	tests/bench/load_shape.c \
	tests/bench/load_streams.c \
	tests/bench/load_trickle.c \
	tests/system/wire.c \
	tests/system/wire.h \
	$(bench_common)
tests_bench_load_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(OPENSSL_CFLAGS)
tests_bench_load_LDADD = $(OPENSSL_LIBS)

tests_bench_micro_SOURCES = tests/bench/micro.c $(bench_corpus)
tests_bench_micro_LDADD = libpeerlogd.a libpeerlog-core.a

tests_bench_sink_SOURCES = \
	tests/bench/histogram.c \
	tests/bench/histogram.h \
	tests/bench/sink.c \
	tests/bench/sink.h \
	tests/bench/sink_read.c \
	tests/bench/tally.c \
	tests/bench/tally.h \
	$(bench_common)

tests_bench_kafka_SOURCES = tests/bench/kafka.c $(bench_common)
tests_bench_kafka_CFLAGS = $(AM_CFLAGS) $(KAFKA_CFLAGS)
tests_bench_kafka_LDADD = $(KAFKA_LIBS)

tests_bench_nats_SOURCES = tests/bench/nats.c $(bench_common)
tests_bench_nats_CFLAGS = $(AM_CFLAGS) $(NATS_CFLAGS)
tests_bench_nats_LDADD = $(NATS_LIBS)

tests_bench_tls_SOURCES = tests/bench/tls.c
tests_bench_tls_CPPFLAGS = $(TEST_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_bench_tls_LDADD = libpeerlog-tls-test.a libpeerlog-tls.a libpeerlog-test.a \
	libpeerlog-core.a $(OPENSSL_LIBS)

EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/ceilings \
	tests/bench/charts/cpu.svg \
	tests/bench/charts/latency.svg \
	tests/bench/charts/linear.svg \
	tests/bench/charts/memory.svg \
	tests/bench/brokers.py \
	tests/bench/kafka.py \
	tests/bench/nats.py \
	tests/bench/run \
	tests/bench/runner/__init__.py \
	tests/bench/runner/cells.py \
	tests/bench/runner/charts.py \
	tests/bench/runner/daemons.py \
	tests/bench/runner/journald.py \
	tests/bench/runner/kept.py \
	tests/bench/runner/main.py \
	tests/bench/runner/plan.py \
	tests/bench/runner/process.py \
	tests/bench/runner/report.py \
	tests/bench/runner/results.py \
	tests/bench/runner/space.py \
	tests/bench/runner/tools.py

# Options of the runner go into BENCHFLAGS: make bench BENCHFLAGS=--quick
PHONY_TARGETS += bench
bench: all $(bench_programs) $(bench_insiders)
	$(PYTHON3) $(srcdir)/tests/bench/run --builddir '$(abs_top_builddir)' $(BENCHFLAGS)

# Sanitizers count, too; their instructions are not the program's. With other optimisation
# than the ceilings are for the program ends with 77.
dist_check_SCRIPTS += tests/bench/check-instructions
tests_bench_instructions_SOURCES = tests/bench/instructions.c $(bench_corpus)
tests_bench_instructions_CPPFLAGS = $(AM_CPPFLAGS) \
	-DOPTIMISATION='"$(lastword $(filter -O%,$(CFLAGS)))"'
tests_bench_instructions_LDADD = libpeerlogd.a libpeerlog-core.a
if !SANITIZED
check_PROGRAMS += tests/bench/instructions
TESTS += tests/bench/check-instructions
endif
