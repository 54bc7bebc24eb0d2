/* SPDX-License-Identifier: MIT
 *
 * The file rig. Its sources are peers of 10.0.0.0/16, one for each segment that there can be.
 */
#include "config.h"

#include "support/file_rig.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/intake.h"

void file_rig_open(struct file_rig *w)
{
    assert_int_equal(output_new(&w->settings, 8192, &w->health, 1, &w->output), 0);
}

void file_rig_set_path(struct file_rig *w, const char *name)
{
    (void)snprintf(w->settings.path, sizeof w->settings.path, "%s/%s", w->folder, name);
}

struct file_rig *file_rig_new(const char *folder)
{
    struct file_rig *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "%s", folder);
    w->settings = (struct output_settings){.type = OUTPUT_FILE, .mode = 0640,
                                           .directory_mode = 0750, .keep = 3};
    file_rig_set_path(w, "log");
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

void file_rig_free(struct file_rig *w)
{
    w->output = output_free(w->output);
    free(w);
}

int file_rig_set_up(void **state)
{
    char folder[96];

    (void)snprintf(folder, sizeof folder, "%s/peerlog-file-XXXXXX", scratch_directory());
    assert_non_null(mkdtemp(folder));
    *state = file_rig_new(folder);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int file_rig_tear_down(void **state)
{
    struct file_rig *w = *state;

    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    file_rig_free(w);
    return 0;
}

void file_rig_fill(struct file_rig *w, uint32_t first, uint32_t count)
{
    w->batch.count = count;
    w->batch.submitted = w->batch.delivered = 0;
    for (uint32_t i = 0; i < count; i++) {
        int len = snprintf(w->texts[i], FILE_RIG_TEXT_BYTES, "number %u.", first + i);
        w->batch.records[i] = (struct record){.text = (const unsigned char *)w->texts[i],
                                              .len = (uint32_t)len, .priority = 30,
                                              .sequence = first + i + 1};
    }
}

void file_rig_push(struct file_rig *w)
{
    struct output_wait wait;

    while (output_push(w->output, &w->batch) != OUTPUT_READY) {
        output_wait(w->output, &wait);
        struct pollfd fd = {.fd = wait.fd, .events = POLLIN};
        assert_true(wait.fd >= 0);
        assert_int_equal(poll(&fd, 1, 10000), 1);
    }
}

size_t file_rig_load(struct file_rig *w, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, w->bytes, FILE_RIG_BYTES);
    assert_true(n >= 0);
    (void)close(fd);
    w->bytes[n] = '\0';
    return (size_t)n;
}

unsigned file_rig_count(const struct file_rig *w, const char *text)
{
    unsigned n = 0;

    for (const char *at = w->bytes; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}
