/* SPDX-License-Identifier: MIT
 *
 * What the bench programs share; see common.h.
 */
#include "config.h"

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Where the fields of a mark begin. */
enum { ID_AT = 1, ID_DIGITS = 6, SEQUENCE_AT = 8, SEQUENCE_DIGITS = 8, TIME_AT = 17,
       TIME_DIGITS = 16 };

static volatile sig_atomic_t stop_flag;

void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void die_errno(const char *what)
{
    die("%s: %s", what, strerror(errno));
}

uint64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts); /* cannot fail */
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void sleep_until_ns(uint64_t ns)
{
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL); /* early is allowed */
}

uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < min || value > max)
        die("--%s: '%s' is not a number from %llu to %llu", option, text,
            (unsigned long long)min, (unsigned long long)max);
    return value;
}

static void put_hex(char *dst, unsigned digits, uint64_t value)
{
    while (digits-- > 0) {
        dst[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

/* Read DIGITS hexadecimal digits; answers: were they all digits, and a space behind? */
static bool get_hex(const char *src, unsigned digits, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < digits; i++) {
        unsigned char c = (unsigned char)src[i];
        unsigned digit = c <= '9' ? (unsigned)c - '0' : (unsigned)c - 'a' + 10;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *ret_value = value;
    return src[digits] == ' ';
}

void mark_update(char *dst, uint32_t sequence, uint64_t sent_ns)
{
    put_hex(dst + SEQUENCE_AT, SEQUENCE_DIGITS, sequence);
    put_hex(dst + TIME_AT, TIME_DIGITS, sent_ns);
}

void mark_write(char *dst, const struct mark *mark)
{
    memset(dst, ' ', MARK_BYTES);
    dst[0] = '#';
    put_hex(dst + ID_AT, ID_DIGITS, mark->id);
    mark_update(dst, mark->sequence, mark->sent_ns);
}

bool mark_find(const char *text, size_t len, struct mark *ret_mark)
{
    const char *at = memchr(text, '#', len);
    uint64_t id, sequence, sent_ns;

    if (at == NULL || len - (size_t)(at - text) < MARK_BYTES)
        return false;
    if (!get_hex(at + ID_AT, ID_DIGITS, &id) ||
        !get_hex(at + SEQUENCE_AT, SEQUENCE_DIGITS, &sequence) ||
        !get_hex(at + TIME_AT, TIME_DIGITS, &sent_ns))
        return false;
    *ret_mark = (struct mark){(uint32_t)id, (uint32_t)sequence, sent_ns};
    return true;
}

struct progress *progress_map(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, (off_t)sizeof(struct progress)) < 0)
        die_errno(path);
    void *page = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        die_errno(path);
    (void)close(fd); /* the mapping stays */
    return page;
}

static void on_signal(int number)
{
    (void)number;
    stop_flag = 1;
}

bool stop_wanted(void)
{
    return stop_flag != 0;
}

void stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigaction(SIGINT, &action, NULL); /* valid signals: cannot fail */
    (void)sigaction(SIGTERM, &action, NULL);
}
