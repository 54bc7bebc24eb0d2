# Measurements: `make bench`. Never part of `make all`; only the instruction counts,
# which are no timing, are part of `make check`.

bench_programs = \
	tests/bench/floor \
	tests/bench/load \
	tests/bench/sink

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_common = tests/bench/common.c tests/bench/common.h

tests_bench_floor_SOURCES = tests/bench/floor.c $(bench_common)

tests_bench_load_SOURCES = \
	tests/bench/load.c \
	tests/bench/load.h \
	tests/bench/load_churn.c \
	tests/bench/load_hold.c \
	tests/bench/load_shape.c \
	tests/bench/load_streams.c \
	$(bench_common)

tests_bench_sink_SOURCES = \
	tests/bench/histogram.c \
	tests/bench/histogram.h \
	tests/bench/sink.c \
	tests/bench/sink.h \
	tests/bench/sink_read.c \
	tests/bench/tally.c \
	tests/bench/tally.h \
	$(bench_common)
