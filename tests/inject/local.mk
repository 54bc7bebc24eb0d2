# Injected faults: a library to be preloaded, and what is tried with it. A sanitizer has an
# allocator of its own, so there malloc stays as it is (the tests skip what needs it).

inject_tests = \
	tests/inject/accepting.py \
	tests/inject/allocations.py \
	tests/inject/clocks.py \
	tests/inject/files.py \
	tests/inject/output.py \
	tests/inject/sending.py \
	tests/inject/threads.py \
	tests/inject/tls.py \
	tests/inject/workers.py

TESTS += $(inject_tests)
EXTRA_DIST += $(inject_tests) tests/inject/inject.c tests/inject/injecting.py tests/inject/late.c

if SANITIZED
INJECT_CPPFLAGS = -DINJECT_NO_MEMORY
endif
check_DATA = tests/inject/inject.so tests/inject/late.so
CLEANFILES += tests/inject/inject.so tests/inject/late.so
tests/inject/inject.so tests/inject/late.so: tests/inject/%.so: tests/inject/%.c
	@$(MKDIR_P) tests/inject
	$(AM_V_CC)$(CC) $(DEFS) -I. $(AM_CPPFLAGS) $(INJECT_CPPFLAGS) $(CPPFLAGS) $(WARN_FLAGS) \
		-std=gnu17 -g -O1 -U_FORTIFY_SOURCE -fPIC -shared $(LDFLAGS) \
		-o $@ $< -ldl
