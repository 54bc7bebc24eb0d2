/* SPDX-License-Identifier: MIT
 *
 * Bad luck by LD_PRELOAD. Calls of a program fail as $PEERLOG_INJECT says, a list of rules
 * between commas:
 *
 *     CALL=FAULT@FIRST[+STEP][xTIMES]
 *
 * CALL is send (send, sendmsg and sendmmsg to the datagram socket $PEERLOG_INJECT_OUTPUT), accept4,
 * epoll_ctl (EPOLL_CTL_ADD alone), pthread_create, alloc (malloc and its kin), recv, write (to
 * a regular file that is appended to), fdatasync, or close, which no rule is for: it is struck when
 * what it closes is not open.
 * FAULT is the number of an errno, or "limitN": send no more than N messages, receive or
 * write no more than N bytes; or "dieN": write N bytes, and be killed; or "hangN", of fdatasync:
 * return after N seconds, and with 0 never, as on a disk that does not answer. It strikes at
 * call FIRST (from 1), and with STEP at every STEP-th after it; with TIMES so often at most, and
 * then without STEP in a row.
 *
 * $PEERLOG_INJECT_COUNTS names a file of pairs of 64-bit numbers, one for each CALL in
 * the order above: how often it was called, and how often it was struck.
 *
 * $PEERLOG_INJECT_CLOCKS names a file of three signed 64-bit numbers, which may change at any
 * time: by how many seconds the wall clock is wrong, by how many the monotonic clock is ahead, and
 * what a thread's CPU clock says: 0 the truth, 1 that it works all the time, 2 that it never does.
 *
 * The allocations of libconfig are not counted: it does not look what it was given.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RULES 2048

enum call { CALL_SEND, CALL_ACCEPT4, CALL_EPOLL_CTL, CALL_PTHREAD_CREATE, CALL_ALLOC, CALL_RECV,
            CALL_WRITE, CALL_FDATASYNC, CALL_CLOSE, CALLS };

static const char *const call_names[CALLS] = {"send", "accept4", "epoll_ctl", "pthread_create",
                                              "alloc", "recv", "write", "fdatasync", "close"};

struct rule {
    enum call call;
    bool is_limit;
    bool is_death;       /* is_limit, too */
    bool is_hanging;
    unsigned long fault; /* errno, or the limit */
    unsigned long first, step, times;
};

struct counts {
    _Atomic uint64_t called;
    _Atomic uint64_t struck;
};

struct clocks {
    _Atomic int64_t wall_s;
    _Atomic int64_t monotonic_s;
    _Atomic int64_t work; /* of threads */
};

enum work { WORK_REAL, WORK_ALWAYS, WORK_NEVER };

static struct rule rules[RULES];
static unsigned rules_count;
static struct counts own_counts[CALLS];
static struct counts *counts = own_counts;
static struct clocks own_clocks;
static struct clocks *clocks = &own_clocks;
static const char *output;
static bool ready;
static _Thread_local int spared; /* how deep this thread is where no call may fail */

/* --- rules --- */

/* One rule. Returns: what follows it. */
static const char *read_rule(const char *text)
{
    struct rule *rule = &rules[rules_count++];
    char *end;

    for (int i = 0; i < CALLS; i++) {
        size_t len = strlen(call_names[i]);
        if (strncmp(text, call_names[i], len) == 0 && text[len] == '=') {
            rule->call = (enum call)i;
            text += len + 1;
            break;
        }
    }
    rule->is_death = strncmp(text, "die", 3) == 0;
    rule->is_hanging = strncmp(text, "hang", 4) == 0;
    rule->is_limit = rule->is_death || strncmp(text, "limit", 5) == 0;
    rule->fault = strtoul(text + strcspn(text, "0123456789"), &end, 10);
    if (*end == '@')
        rule->first = strtoul(end + 1, &end, 10);
    if (*end == '+')
        rule->step = strtoul(end + 1, &end, 10);
    if (*end == 'x')
        rule->times = strtoul(end + 1, &end, 10);
    if (rule->first == 0 || (*end != ',' && *end != '\0'))
        abort(); /* the test is wrong */
    return *end == ',' ? end + 1 : end;
}

/* The file that this variable names, in memory; or OWN when it names none. */
static void *share(const char *variable, void *own, size_t size)
{
    const char *file = getenv(variable);

    if (file == NULL)
        return own;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        abort(); /* the test is wrong */
    (void)close(fd); /* the mapping stays */
    return memory;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("PEERLOG_INJECT");

    output = getenv("PEERLOG_INJECT_OUTPUT");
    counts = share("PEERLOG_INJECT_COUNTS", own_counts, sizeof own_counts);
    clocks = share("PEERLOG_INJECT_CLOCKS", &own_clocks, sizeof own_clocks);
    while (text != NULL && *text != '\0' && rules_count < RULES)
        text = read_rule(text);
    ready = true;
}

static bool strikes(const struct rule *rule, uint64_t n)
{
    if (n < rule->first)
        return false;
    uint64_t since = n - rule->first;
    if (rule->step > 0)
        return since % rule->step == 0 && (rule->times == 0 || since / rule->step < rule->times);
    return since < (rule->times > 0 ? rule->times : 1);
}

/* Count a call. Returns: the rule that strikes it, or NULL. */
static const struct rule *count(enum call call)
{
    if (!ready || spared > 0)
        return NULL;
    uint64_t n = atomic_fetch_add(&counts[call].called, 1) + 1;
    for (unsigned i = 0; i < rules_count; i++)
        if (rules[i].call == call && strikes(&rules[i], n)) {
            (void)atomic_fetch_add(&counts[call].struck, 1);
            return &rules[i];
        }
    return NULL;
}

/* Count a call that can only fail. Returns: true with errno set. */
static bool fails(enum call call)
{
    const struct rule *rule = count(call);

    if (rule != NULL)
        errno = (int)rule->fault;
    return rule != NULL;
}

/* The function that we stand before. A union: ISO C knows no such cast. */
#define REAL(name, type)                                                                          \
    static type real;                                                                             \
    if (real == NULL) {                                                                           \
        union {                                                                                   \
            void *object;                                                                         \
            type function;                                                                        \
        } found = {.object = dlsym(RTLD_NEXT, name)};                                             \
        real = found.function;                                                                    \
    }

/* --- the output --- */

static bool is_output(int fd)
{
    struct sockaddr_un sa = {0};
    socklen_t len = sizeof sa;

    return output != NULL && getpeername(fd, (struct sockaddr *)&sa, &len) == 0 &&
           sa.sun_family == AF_UNIX && strcmp(sa.sun_path, output) == 0;
}

typedef ssize_t send_fn(int, const void *, size_t, int);
typedef ssize_t sendmsg_fn(int, const struct msghdr *, int);
typedef int sendmmsg_fn(int, struct mmsghdr *, unsigned, int);

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    REAL("send", send_fn *)
    return is_output(fd) && fails(CALL_SEND) ? -1 : real(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL("sendmsg", sendmsg_fn *)
    return is_output(fd) && fails(CALL_SEND) ? -1 : real(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    REAL("sendmmsg", sendmmsg_fn *)
    const struct rule *rule = is_output(fd) ? count(CALL_SEND) : NULL;

    if (rule != NULL && !rule->is_limit) {
        errno = (int)rule->fault;
        return -1;
    }
    if (rule != NULL && n > rule->fault)
        n = (unsigned)rule->fault;
    return real(fd, messages, n, flags);
}

/* --- connections and threads --- */

typedef int accept4_fn(int, struct sockaddr *, socklen_t *, int);
typedef int epoll_ctl_fn(int, int, int, struct epoll_event *);
typedef int pthread_create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef ssize_t recv_fn(int, void *, size_t, int);

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    REAL("accept4", accept4_fn *)
    return fails(CALL_ACCEPT4) ? -1 : real(fd, address, len, flags);
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    REAL("epoll_ctl", epoll_ctl_fn *)
    return operation == EPOLL_CTL_ADD && fails(CALL_EPOLL_CTL) ? -1
                                                               : real(set, operation, fd, event);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    REAL("pthread_create", pthread_create_fn *)
    return fails(CALL_PTHREAD_CREATE) ? errno : real(thread, attributes, run, argument);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    REAL("recv", recv_fn *)
    const struct rule *rule = count(CALL_RECV);

    if (rule != NULL && !rule->is_limit) {
        errno = (int)rule->fault;
        return -1;
    }
    return real(fd, data, rule != NULL && len > rule->fault ? rule->fault : len, flags);
}

/* --- files --- */

typedef ssize_t write_fn(int, const void *, size_t);
typedef int fdatasync_fn(int);

static bool is_log_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (fcntl(fd, F_GETFL) & O_APPEND) != 0;
}

ssize_t write(int fd, const void *data, size_t len)
{
    REAL("write", write_fn *)
    const struct rule *rule = is_log_file(fd) ? count(CALL_WRITE) : NULL;

    if (rule != NULL && !rule->is_limit) {
        errno = (int)rule->fault;
        return -1;
    }
    ssize_t n = real(fd, data, rule != NULL && len > rule->fault ? rule->fault : len);
    if (rule != NULL && rule->is_death)
        (void)kill(getpid(), SIGKILL); /* it cannot fail */
    return n;
}

int fdatasync(int fd)
{
    REAL("fdatasync", fdatasync_fn *)
    const struct rule *rule = count(CALL_FDATASYNC);

    if (rule != NULL && rule->is_hanging)
        do
            (void)sleep(rule->fault > 0 ? (unsigned)rule->fault : 1); /* signals are blocked */
        while (rule->fault == 0);
    if (rule == NULL || rule->is_hanging)
        return real(fd);
    errno = (int)rule->fault;
    return -1;
}

typedef int close_fn(int);

int close(int fd)
{
    REAL("close", close_fn *)
    int result = real(fd), error = errno;

    if (ready) {
        (void)atomic_fetch_add(&counts[CALL_CLOSE].called, 1);
        (void)atomic_fetch_add(&counts[CALL_CLOSE].struck, result < 0 && error == EBADF);
    }
    errno = error;
    return result;
}

/* --- clocks --- */

typedef int clock_gettime_fn(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static _Atomic int64_t idle_s; /* by the clock that workers measure their idle time with */
    REAL("clock_gettime", clock_gettime_fn *)
    int64_t work = clock == CLOCK_MONOTONIC_RAW ? clocks->work : WORK_REAL;
    int result = real(clock, now);

    if (work != WORK_REAL)
        *now = (struct timespec){.tv_sec = work == WORK_NEVER ? atomic_fetch_add(&idle_s, 1)
                                                              : atomic_load(&idle_s)};
    else if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += clocks->wall_s;
    else if (result == 0)
        now->tv_sec += clocks->monotonic_s;
    return result;
}

time_t time(time_t *ret_now)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* this clock always exists */
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

/* --- libconfig: it never looks whether it got what it asked for, so it is spared --- */

typedef void config_init_fn(void *);
typedef int config_read_string_fn(void *, const char *);
typedef void config_set_include_dir_fn(void *, const char *);

/* Its header is not included: these are here to be linked against, not to be called. */
void config_init(void *config);
int config_read_string(void *config, const char *text);
void config_set_include_dir(void *config, const char *directory);

void config_init(void *config)
{
    REAL("config_init", config_init_fn *)
    spared++;
    real(config);
    spared--;
}

int config_read_string(void *config, const char *text)
{
    REAL("config_read_string", config_read_string_fn *)
    spared++;
    int result = real(config, text);
    spared--;
    return result;
}

void config_set_include_dir(void *config, const char *directory)
{
    REAL("config_set_include_dir", config_set_include_dir_fn *)
    spared++;
    real(config, directory);
    spared--;
}

/* --- memory: the C library's own names, because dlsym() allocates, too --- */

#if defined __GLIBC__ && !defined INJECT_NO_MEMORY
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return fails(CALL_ALLOC) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(CALL_ALLOC) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(CALL_ALLOC) ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(CALL_ALLOC) ? NULL : __libc_memalign(alignment, size);
}
#endif
