/* SPDX-License-Identifier: MIT
 *
 * The file output on a real file system: a disk that is full at each byte, a process that died
 * at each byte, names that lead elsewhere, and two workers with one file.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/output/file_format.h"
#include "daemon/output/output.h"
#include "os/log.h"
#include "peerlog/count.h"
#include "support/intake.h"

#define FILE_BYTES (4u * 1024u * 1024u)
#define TEXT_BYTES 24u

/* A worker: an output that writes files, and a batch. */
struct worker {
    char folder[128];
    struct output_settings settings;
    struct output_health health;
    struct output *output;
    struct label_settings label;
    _Atomic uint32_t cursor, working;
    struct batch batch;
    char texts[BATCH_RECORDS][TEXT_BYTES];
};

static char bytes[FILE_BYTES + 1];

static void open_output(struct worker *w)
{
    assert_int_equal(output_new(&w->settings, 8192, &w->health, 1, &w->output), 0);
}

static void set_path(struct worker *w, const char *name)
{
    (void)snprintf(w->settings.path, sizeof w->settings.path, "%s/%s", w->folder, name);
}

static struct worker *new_worker(const char *folder)
{
    struct worker *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "%s", folder);
    w->settings = (struct output_settings){.type = OUTPUT_FILE, .mode = 0640,
                                           .directory_mode = 0750, .keep = 3};
    set_path(w, "log");
    w->label = (struct label_settings){.tag = "test", .show_peer = true};
    w->batch.cursor = &w->cursor;
    w->batch.working = &w->working;
    for (uint32_t i = 0; i < LEDGER_SEGMENTS; i++)
        w->batch.sources[i] = (struct source){
            .label = &w->label, .listener = "127.0.0.1:1", .peer_len = 11,
            .peer_text = "192.0.2.7:5",
            .peer = {.address = {10, 0, (unsigned char)(i >> 8), (unsigned char)i},
                     .port = 5, .family = PEER_IPV4}};
    return w;
}

static void free_worker(struct worker *w)
{
    w->output = output_free(w->output);
    free(w);
}

static int set_up(void **state)
{
    char folder[96];

    (void)snprintf(folder, sizeof folder, "%s/peerlog-file-XXXXXX", scratch_directory());
    assert_non_null(mkdtemp(folder));
    *state = new_worker(folder);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct worker *w = *state;

    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free_worker(w);
    return 0;
}

/* Records FIRST to FIRST + COUNT, all of source 0; the text of each is its number. */
static void fill(struct worker *w, uint32_t first, uint32_t count)
{
    w->batch.count = count;
    w->batch.submitted = w->batch.delivered = 0;
    for (uint32_t i = 0; i < count; i++) {
        int len = snprintf(w->texts[i], TEXT_BYTES, "number %u.", first + i);
        w->batch.records[i] = (struct record){.text = (const unsigned char *)w->texts[i],
                                              .len = (uint32_t)len, .priority = 30,
                                              .sequence = first + i + 1};
    }
}

/* Push until all is delivered; what is waited for comes within a moment. */
static void push(struct worker *w)
{
    struct output_wait wait;

    while (output_push(w->output, &w->batch) != OUTPUT_READY) {
        output_wait(w->output, &wait);
        struct pollfd fd = {.fd = wait.fd, .events = POLLIN};
        assert_true(wait.fd >= 0);
        assert_int_equal(poll(&fd, 1, 10000), 1);
    }
}

/* The file of this name, in bytes. Returns: its length. */
static size_t load(const struct worker *w, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, bytes, FILE_BYTES);
    assert_true(n >= 0);
    (void)close(fd);
    bytes[n] = '\0';
    return (size_t)n;
}

/* How often TEXT stands in what was loaded. */
static unsigned count(const char *text)
{
    unsigned n = 0;

    for (const char *at = bytes; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static void limit_files(rlim_t most)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* --- tests --- */

static void writes_lines_in_order(void **state)
{
    struct worker *w = *state;
    const char *at = bytes;

    open_output(w);
    for (uint32_t round = 0; round < 3; round++) {
        fill(w, round * BATCH_RECORDS, BATCH_RECORDS);
        push(w);
        assert_int_equal(w->batch.delivered, BATCH_RECORDS);
    }
    assert_int_equal(w->cursor, 3 * BATCH_RECORDS);
    (void)load(w, "log");
    for (uint32_t i = 0; i < 3 * BATCH_RECORDS; i++) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, " info 192.0.2.7:5 number %u.\n", i);
        const char *end = strchr(at, '\n') + 1;
        assert_memory_equal(end - strlen(wanted), wanted, strlen(wanted));
        at = end;
    }
    assert_int_equal(*at, '\0');
}

static void makes_folders_and_files_as_it_is_told(void **state)
{
    struct worker *w = *state;
    char path[256];
    struct stat st;
    mode_t before = umask(077);

    set_path(w, "a/%{listener}/%{severity}.%{facility}");
    open_output(w);
    fill(w, 0, 1);
    push(w);
    (void)umask(before);
    assert_true(load(w, "a/test/info.daemon") > 0);
    (void)snprintf(path, sizeof path, "%s/a/test/info.daemon", w->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    (void)snprintf(path, sizeof path, "%s/a/test", w->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

/* The disk is full at each byte of a batch: whole records alone stay, and it goes on. */
static void survives_a_disk_that_is_full_at_each_byte(void **state)
{
    struct worker *w = *state;
    size_t whole;

    signal(SIGXFSZ, SIG_IGN);
    open_output(w);
    fill(w, 0, 5);
    push(w);
    whole = load(w, "log");
    for (size_t room = 0; room < whole; room++) {
        assert_int_equal(truncate(w->settings.path, 0), 0);
        fill(w, 0, 5);
        limit_files(room);
        assert_int_equal(output_push(w->output, &w->batch), OUTPUT_WAITS);
        size_t len = load(w, "log");
        assert_true(len <= room && (len == 0 || bytes[len - 1] == '\n'));
        assert_int_equal(count("\n"), w->batch.delivered);
        assert_int_equal(w->batch.submitted, w->batch.delivered);
        limit_files(RLIM_INFINITY);
        push(w);
        assert_int_equal(load(w, "log"), whole);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(count(w->texts[i]), 1);
    }
}

/*
 * A process died at each byte of a batch: the next one begins with what the ledger does not know
 * to be delivered, marked as a repeat.
 */
static void mends_a_file_whose_writer_died_at_each_byte(void **state)
{
    static const unsigned formats[] = {OUTPUT_FORMAT_TEXT, OUTPUT_FORMAT_JSON,
                                       OUTPUT_FORMAT_EXPORT};
    struct worker *w = *state;

    for (size_t f = 0; f < COUNT_OF(formats); f++) {
        w->settings.format = (uint8_t)formats[f];
        (void)unlink(w->settings.path);
        open_output(w);
        fill(w, 0, 3);
        push(w);
        w->output = output_free(w->output);
        size_t len = load(w, "log");
        char *before = malloc(len);
        size_t repeated = 0; /* the length of all three, when they come again */
        memcpy(before, bytes, len);
        for (size_t cut = 0; cut <= len; cut++) {
            int fd = open(w->settings.path, O_WRONLY | O_TRUNC);
            assert_int_equal(write(fd, before, cut), cut);
            (void)close(fd);
            open_output(w);
            fill(w, 0, 3);
            for (uint32_t i = 0; i < 3; i++)
                w->batch.records[i].flags = RECORD_REPEAT;
            push(w);
            w->output = output_free(w->output);
            size_t now = load(w, "log"), repeats = 0;
            for (size_t i = 0; i + 9 <= now; i++)
                repeats += memcmp(bytes + i, "[repeat?]", 9) == 0;
            assert_int_equal(repeats, 3);
            /* Before the repeats stands what was whole, and not a byte more. */
            size_t whole = file_format_of(formats[f])->whole(before, cut);
            assert_memory_equal(bytes, before, whole);
            repeated = cut == 0 ? now : repeated;
            assert_int_equal(now, whole + repeated);
        }
        free(before);
    }
}

/* Without the repeat the torn part is all that there is of it: its line is ended. */
static void ends_a_line_that_does_not_come_again(void **state)
{
    struct worker *w = *state;
    FILE *file = fopen(w->settings.path, "w");

    assert_non_null(file);
    (void)fputs("whole\ntorn", file);
    assert_int_equal(fclose(file), 0);
    open_output(w);
    fill(w, 0, 1);
    push(w);
    (void)load(w, "log");
    assert_memory_equal(bytes, "whole\ntorn\n2", 12);
    assert_int_equal(count("\n"), 3);
}

/* More peers than files may be open, each with two records of a batch. */
static void gives_each_peer_its_file(void **state)
{
    struct worker *w = *state;
    char name[64];

    set_path(w, "%{address}/log");
    open_output(w);
    for (uint32_t round = 0; round < 6; round++) {
        fill(w, round * 512, 512);
        for (uint32_t i = 0; i < 512; i++) {
            struct source *source = &w->batch.sources[i / 2];
            w->batch.records[i].source = i / 2;
            source->peer.address[1] = (unsigned char)round;
        }
        push(w);
    }
    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 256; i += 51) {
            (void)snprintf(name, sizeof name, "10.%u.%u.%u/log", round, i >> 8, i & 255);
            (void)load(w, name);
            assert_int_equal(count("\n"), 2);
            (void)snprintf(name, sizeof name, "number %u.\n", round * 512 + 2 * i);
            assert_int_equal(count(name), 1);
        }
    }
}

static void writes_through_no_symbolic_link(void **state)
{
    static const struct {
        const char *link, *to;
    } rows[] = {{"10.0.0.0", "elsewhere"}, {"10.0.0.0/log", "../elsewhere/log"}};
    struct worker *w = *state;
    char path[256], name[256];

    (void)snprintf(path, sizeof path, "%s/elsewhere", w->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    set_path(w, "%{address}/log");
    open_output(w);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(path, sizeof path, "%s/10.0.0.0", w->folder);
        if (i > 0)
            assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(name, sizeof name, "%s/%s", w->folder, rows[i].link);
        assert_int_equal(symlink(rows[i].to, name), 0);
        fill(w, 0, 1);
        assert_int_equal(output_push(w->output, &w->batch), OUTPUT_WAITS);
        assert_int_equal(w->batch.delivered, 0);
        assert_true(w->output->last_error == -ELOOP || w->output->last_error == -ENOTDIR);
        assert_int_equal(load(w, "elsewhere/log"), 0);
        assert_int_equal(unlink(name), 0);
        w->output->retry_at_ms = 0;
        if (i > 0)
            push(w);
    }
    assert_true(load(w, "10.0.0.0/log") > 0);
}

static void follows_its_name_to_another_file(void **state)
{
    struct worker *w = *state;
    char old[256];

    (void)snprintf(old, sizeof old, "%s/old", w->folder);
    open_output(w);
    fill(w, 0, 1);
    push(w);
    assert_int_equal(rename(w->settings.path, old), 0);
    output_refresh(w->output);
    fill(w, 1, 1);
    push(w);
    assert_int_equal(unlink(w->settings.path), 0);
    output_refresh(w->output);
    fill(w, 2, 1);
    push(w);
    (void)load(w, "old");
    assert_int_equal(count("number 0."), 1);
    (void)load(w, "log");
    assert_int_equal(count("number 2."), 1);
    assert_int_equal(count("\n"), 1);
}

static void keeps_as_many_full_files_as_it_is_told(void **state)
{
    static const char *const names[] = {"log.3", "log.2", "log.1", "log"};
    struct worker *w = *state;
    uint32_t next = 0;

    w->settings.max_bytes = 1000;
    open_output(w);
    for (uint32_t round = 0; round < 10; round++) {
        fill(w, round * 20, 20);
        push(w);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char number[32];
        assert_in_range(load(w, names[i]), 1, 1000);
        const char *at = strstr(bytes, "number ");
        uint32_t first = (uint32_t)strtoul(at + 7, NULL, 10);
        assert_true(next == 0 || first == next);
        next = first + count("\n");
        (void)snprintf(number, sizeof number, "number %u.\n", next - 1);
        assert_int_equal(count(number), 1);
    }
    assert_int_equal(next, 200);
    assert_int_equal(load(w, "log.4"), 0);
}

/* Records count when they are on the disk, not before. */
static void waits_for_the_disk(void **state)
{
    struct worker *w = *state;
    struct output_wait wait;

    w->settings.sync = OUTPUT_SYNC_ROUND;
    open_output(w);
    for (uint32_t round = 0; round < 5; round++) {
        fill(w, round * 100, 100);
        enum output_status status = output_push(w->output, &w->batch);
        assert_int_equal(w->batch.submitted, 100);
        if (status == OUTPUT_WAITS) {
            assert_int_equal(w->batch.delivered, 0);
            output_wait(w->output, &wait);
            assert_true(wait.fd >= 0);
        }
        push(w);
        assert_int_equal(w->batch.delivered, 100);
    }
    (void)load(w, "log");
    assert_int_equal(count("\n"), 500);
}

/* --- two workers --- */

#define ROUNDS 300u

static void *write_many(void *argument)
{
    struct worker *w = argument;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        fill(w, round * 20, 20);
        while (output_push(w->output, &w->batch) != OUTPUT_READY)
            continue;
    }
    return NULL;
}

/* Each line is one's own and whole, and in its order; files are full and renamed meanwhile. */
static void two_write_to_one_file(void **state)
{
    struct worker *w[2] = {*state, new_worker(((struct worker *)*state)->folder)};
    uint32_t next[2] = {0, 0};
    pthread_t threads[2];
    char name[32], wanted[64];

    for (size_t i = 0; i < 2; i++) {
        w[i]->settings.max_bytes = 20000;
        w[i]->settings.keep = 1000;
        for (uint32_t k = 0; k < LEDGER_SEGMENTS; k++)
            w[i]->batch.sources[k].peer_text[8] = (char)('0' + i);
        open_output(w[i]);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, w[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned number = 1000; number <= 1000; number--) {
        (void)snprintf(name, sizeof name, number > 0 ? "log.%u" : "log", number);
        size_t len = load(w[0], name);
        assert_in_range(len, 0, 20000);
        for (char *at = bytes, *end; (end = memchr(at, '\n', (size_t)(bytes + len - at))) != NULL;
             at = end + 1) {
            unsigned who = at[46] == '1';
            (void)snprintf(wanted, sizeof wanted, " info 192.0.2.%u:5 number %u.\n", who,
                           next[who]++);
            assert_int_equal(end + 1 - at, 32 + strlen(wanted));
            assert_memory_equal(at + 32, wanted, strlen(wanted));
        }
    }
    assert_int_equal(next[0], ROUNDS * 20);
    assert_int_equal(next[1], ROUNDS * 20);
    free_worker(w[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_lines_in_order),
        TEST(makes_folders_and_files_as_it_is_told),
        TEST(survives_a_disk_that_is_full_at_each_byte),
        TEST(mends_a_file_whose_writer_died_at_each_byte),
        TEST(ends_a_line_that_does_not_come_again),
        TEST(gives_each_peer_its_file),
        TEST(writes_through_no_symbolic_link),
        TEST(follows_its_name_to_another_file),
        TEST(keeps_as_many_full_files_as_it_is_told),
        TEST(waits_for_the_disk),
        TEST(two_write_to_one_file),
    };

    log_set_level(SEVERITY_ERR); /* what is mended would be said a thousand times */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
