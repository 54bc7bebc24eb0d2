/* SPDX-License-Identifier: MIT
 *
 * Replay: a plain main() for a fuzzer. Its arguments are files, or directories of files;
 * each file is one input. Any compiler will do.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"
#include "support/intake.h"

/* Run the fuzzer on the file at PATH. Returns: 0, or a negative errno. */
static int replay_file(const char *path)
{
    struct bytes input = {0};
    unsigned char chunk[65536];
    FILE *file = fopen(path, "rb");
    size_t n;

    if (file == NULL)
        return -errno;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        bytes_add(&input, chunk, n);
    int result = ferror(file) ? -EIO : 0;
    (void)fclose(file); /* it was only read */
    if (result == 0) {
        unsigned char *exact = exact_copy(input.data, input.len);
        (void)LLVMFuzzerTestOneInput(exact, input.len); /* always 0 */
        free(exact);
    }
    bytes_done(&input);
    return result;
}

/* Run the fuzzer on each file in the directory at PATH. Returns: their number, or -errno. */
static int replay_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort), files = 0, result = 0;

    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        char name[4096];
        int len = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && result == 0) {
            result = len < (int)sizeof name ? replay_file(name) : -ENAMETOOLONG;
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    return result < 0 ? result : files;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int result = stat(argv[i], &st) < 0 ? -errno : 0;
        if (result == 0)
            result = S_ISDIR(st.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i]);
        if (result < 0) {
            (void)fprintf(stderr, "%s: %s\n", argv[i], strerror(-result)); /* the last resort */
            return 1;
        }
        files += S_ISDIR(st.st_mode) ? result : 1;
    }
    (void)printf("%d inputs replayed\n", files); /* only a courtesy */
    return files > 0 ? 0 : 1;
}
