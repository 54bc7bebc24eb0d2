/* SPDX-License-Identifier: MIT
 *
 * Modules, by dlopen(3). None is ever unloaded.
 */
#include "config.h"

#include "os/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULES_MOST 4u

struct module {
    char name[16];
    void *handle;
};

static struct module modules[MODULES_MOST];

/* The folder of the program itself. */
static const char *own_folder(char *dst, size_t room)
{
    ssize_t n = readlink("/proc/self/exe", dst, room - 1);

    if (n <= 0)
        return NULL;
    dst[n] = '\0';
    char *slash = strrchr(dst, '/');
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return dst;
}

static void *open_in(const char *folder, const char *name)
{
    char path[PATH_MAX];

    if (folder == NULL || folder[0] != '/')
        return NULL;
    int n = snprintf(path, sizeof path, "%s/peerlogd-%s.so", folder, name);
    if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK) < 0)
        return NULL;
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void *open_module(const char *name, const char **ret_why)
{
    char own[PATH_MAX];
    const char *folders[] = {secure_getenv("PEERLOGD_MODULES"), MODULEDIR,
                             own_folder(own, sizeof own)};

    (void)dlerror(); /* what was said before is of no interest */
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        void *handle = open_in(folders[i], name);
        if (handle != NULL)
            return handle;
        *ret_why = dlerror();
        if (*ret_why != NULL)
            return NULL; /* it is there, and cannot be loaded */
    }
    *ret_why = "it is not installed, or this peerlogd was built without it";
    return NULL;
}

const void *module_symbol(const char *name, const char *symbol, const char **ret_why)
{
    struct module *free_place = NULL;

    for (size_t i = 0; i < MODULES_MOST; i++) {
        if (strcmp(modules[i].name, name) == 0)
            return dlsym(modules[i].handle, symbol);
        if (free_place == NULL && modules[i].handle == NULL)
            free_place = &modules[i];
    }
    if (free_place == NULL) {
        *ret_why = "there are too many modules";
        return NULL;
    }
    free_place->handle = open_module(name, ret_why);
    if (free_place->handle == NULL)
        return NULL;
    (void)snprintf(free_place->name, sizeof free_place->name, "%s", name); /* ours, and short */
    return dlsym(free_place->handle, symbol);
}
