# What every kind of test shares, then a fragment for each kind.

TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CMOCKA_CFLAGS)

EXTRA_DIST += tests/README.md

AM_TESTS_ENVIRONMENT = \
	PEERLOGD='$(abs_top_builddir)/peerlogd'; export PEERLOGD; \
	PEERLOG='$(abs_top_builddir)/peerlog'; export PEERLOG; \
	PEERLOGCTL='$(abs_top_builddir)/peerlogctl'; export PEERLOGCTL; \
	PEERLOGD_MODULES='$(abs_top_builddir)'; export PEERLOGD_MODULES; \
	PEERLOG_SOURCE='$(abs_top_srcdir)'; export PEERLOG_SOURCE;

TEST_EXTENSIONS = .py
if HAVE_PYTHON3
PY_LOG_COMPILER = $(PYTHON3)
AM_PY_LOG_FLAGS = -B
else
PY_LOG_COMPILER = $(SHELL) -c 'echo "SKIP: $$0: python3 is missing"; exit 77'
endif

include tests/lint/local.mk
include tests/support/local.mk
include tests/unit/local.mk
include tests/integration/local.mk
include tests/system/local.mk
include tests/survival/local.mk
include tests/inject/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
