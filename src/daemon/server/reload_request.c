/* SPDX-License-Identifier: MIT
 *
 * The service manager names the runtime directory to the daemon and to what it runs for a
 * reload alike. An administrator who asks by hand means that of peerlogd.service.
 */
#include "config.h"

#include "daemon/server/reload_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "os/answer.h"
#include "os/log.h"

#define SERVICE_DIRECTORY "/run/peerlogd"
#define PATH_BYTES 256u

/* A reload takes half a second at most; the worst disk and a stalled log some more. */
#define PATIENCE_S 10u

/* The socket's path below the first of DIRECTORIES, of which there may be many. */
static void make_path(const char *directories, char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%.*s/reload", (int)strcspn(directories, ":"), directories);
}

int reload_request_listen(void)
{
    const char *directories = getenv("RUNTIME_DIRECTORY");
    char path[PATH_BYTES];

    if (directories == NULL || *directories == '\0')
        return -ENOENT;
    make_path(directories, path);
    return answer_listen(path);
}

static const char *describe(int error)
{
    switch (error) {
    case -ENOENT:
    case -ECONNREFUSED:
        return "no peerlogd runs there";
    case -ECONNRESET:
        return "peerlogd ended before it answered";
    case -ETIMEDOUT:
        return "peerlogd does not answer";
    case -EPROTO:
        return "the peerlogd that runs is of another version: restart it";
    default:
        return strerror(-error);
    }
}

int reload_request_send(void)
{
    const char *directories = getenv("RUNTIME_DIRECTORY");
    struct answer answer;
    char path[PATH_BYTES];

    make_path(directories != NULL ? directories : SERVICE_DIRECTORY, path);
    int error = answer_ask(path, PATIENCE_S, &answer);
    if (error < 0) {
        log_say(SEVERITY_ERR, "not known to have reloaded: %s: %s", path, describe(error));
        return EX_UNAVAILABLE;
    }
    if (!answer.good)
        log_say(SEVERITY_ERR, "%s", answer.line);
    return answer.good ? EX_OK : EX_CONFIG;
}
