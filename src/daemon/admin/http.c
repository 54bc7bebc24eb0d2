/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 by libmicrohttpd, in one thread for all clients, and another one for those who scrape
 * by TCP. A client that neither reads nor says anything is dropped after a while; one that says too
 * much is refused.
 */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/admin/private.h"
#include "daemon/session/admission.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/poller.h"

/* Clients at the same time; those beyond wait in the kernel. */
#define CLIENTS_MOST 64u

/* What a client may say before it is answered, and how long it may say nothing, in seconds. */
#define REQUEST_BYTES 16384u
#define SILENCE_S 10u

/* --- finding the resource --- */

/* Answers: is URL this resource? *RET_ID is what it names behind it. */
static bool fits(const struct resource *resource, const char *url, const char **ret_id)
{
    size_t len = strlen(resource->path);

    if (strncmp(url, resource->path, len) != 0)
        return false;
    if (!resource->named)
        return url[len] == '\0';
    *ret_id = url + len + 1;
    return url[len] == '/' && url[len + 1] != '\0' && strchr(url + len + 1, '/') == NULL;
}

static const struct resource *find(const char *url, const char *method, struct request *request,
                                   struct reply *reply)
{
    bool other_method = false;

    if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        method = MHD_HTTP_METHOD_GET; /* it is not sent its body */
    for (size_t i = 0; i < resources_count; i++) {
        if (!fits(&resources[i], url, &request->id))
            continue;
        if (strcmp(resources[i].method, method) == 0)
            return &resources[i];
        other_method = true;
    }
    if (other_method)
        reply_fault(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method");
    else
        reply_fault(reply, MHD_HTTP_NOT_FOUND, "there is no such resource");
    return NULL;
}

struct query {
    struct wanted *wanted;
    const char *fault;
};

static enum MHD_Result take_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct query *query = context;

    (void)kind;
    query->fault = wanted_take(query->wanted, name, value);
    return query->fault == NULL ? MHD_YES : MHD_NO;
}

/* Read what the address says behind the path. Answers: is it right? */
static bool read_query(struct MHD_Connection *http, struct request *request, struct reply *reply)
{
    struct query query = {&request->wanted, NULL};

    (void)MHD_get_connection_values(http, MHD_GET_ARGUMENT_KIND, take_argument, &query);
    if (query.fault == NULL && request->id != NULL &&
        !wanted_take_id(&request->wanted, request->id))
        query.fault = "connections have numbers";
    if (query.fault != NULL)
        reply_fault(reply, MHD_HTTP_BAD_REQUEST, "%s", query.fault);
    return query.fault == NULL;
}

/* --- answering --- */

/* Returns: NULL without memory. */
static struct MHD_Response *make_response(struct reply *reply)
{
    if (reply->stream != NULL)
        return reply->stream;
    if (reply->json != NULL) {
        reply->text = json_dumps(reply->json, JSON_COMPACT);
        reply->type = "application/json";
        json_decref(reply->json);
    }
    if (reply->text == NULL)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(reply->text), reply->text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(reply->text);
    return response;
}

static enum MHD_Result send_reply(struct MHD_Connection *http, struct reply *reply)
{
    struct MHD_Response *response = make_response(reply);

    if (response == NULL)
        return MHD_NO; /* it sees the connection end */
    enum MHD_Result queued = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                                     reply->type);
    if (queued == MHD_YES)
        queued = MHD_queue_response(http, reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* No resource takes a body: whoever announces one is refused before it is sent. */
static bool has_body(struct MHD_Connection *http)
{
    const char *length = MHD_lookup_connection_value(http, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);

    return (length != NULL && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(http, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static void answer(struct admin *admin, struct MHD_Connection *http, const char *url,
                   const char *method, struct reply *reply)
{
    struct request request = {
        .http = http,
        .accept = MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
    };

    const struct resource *resource = find(url, method, &request, reply);
    if (resource == NULL)
        return;
    if (!resource->named)
        request.id = NULL;
    if (!read_query(http, &request, reply))
        return;
    (void)pthread_mutex_lock(&admin->lock); /* a plain mutex of ours cannot fail */
    resource->answer(admin, &request, reply);
    (void)pthread_mutex_unlock(&admin->lock);
}

/*
 * libmicrohttpd calls once when the header of a request came, and again when an answer is due.
 * Answers: is it due? Otherwise *ret_result is what is to be returned.
 */
static bool is_due(struct MHD_Connection *http, void **seen, enum MHD_Result *ret_result)
{
    struct reply reply = {.status = 0};

    if (has_body(http)) {
        reply_fault(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "no resource takes a body");
        *ret_result = send_reply(http, &reply);
        return false;
    }
    if (*seen == NULL) {
        *seen = http;
        *ret_result = MHD_YES;
        return false;
    }
    return true;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *http, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_bytes, void **seen)
{
    struct reply reply = {.status = 0};
    enum MHD_Result result;

    (void)version, (void)body, (void)body_bytes; /* there is none */
    if (!is_due(http, seen, &result))
        return result;
    answer(context, http, url, method, &reply);
    return send_reply(http, &reply);
}

/* Counters alone: one who may connect there may not ask for more. */
static enum MHD_Result on_scrape(void *context, struct MHD_Connection *http, const char *url,
                                 const char *method, const char *version, const char *body,
                                 size_t *body_bytes, void **seen)
{
    struct request request = {
        .accept = MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
    };
    struct reply reply = {.status = 0};
    enum MHD_Result result;

    (void)version, (void)body, (void)body_bytes;
    if (!is_due(http, seen, &result))
        return result;
    if (strcmp(url, resource_metrics->path) != 0)
        reply_fault(&reply, MHD_HTTP_NOT_FOUND, "here is %s alone", resource_metrics->path);
    else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
             strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        reply_fault(&reply, MHD_HTTP_METHOD_NOT_ALLOWED, "not with this method");
    else
        resource_metrics->answer(context, &request, &reply);
    return send_reply(http, &reply);
}

/* Called for each who connects to scrape. */
static enum MHD_Result may_scrape(void *context, const struct sockaddr *address, socklen_t len)
{
    const struct admin *admin = context;
    struct peer peer;

    (void)len;
    if (peer_from_sockaddr(address, &peer) < 0)
        return MHD_NO;
    return admission_lists_allow(&admin->allow, &admin->deny, &peer) ? MHD_YES : MHD_NO;
}

/* What libmicrohttpd would say of its clients is of no interest. */
static void say_nothing(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
}

/* --- start and stop --- */

static struct admin *admin_free(struct admin *admin)
{
    if (admin == NULL)
        return NULL;
    if (admin->bell >= 0)
        (void)close(admin->bell); /* it holds no data */
    if (admin->look_bell >= 0)
        (void)close(admin->look_bell);
    (void)pthread_mutex_destroy(&admin->lock); /* it is not held */
    free(admin->allow.ranges);
    free(admin->deny.ranges);
    free(admin->samples);
    errand_free(admin->overview);
    free(admin);
    return NULL;
}

/* Serve what connects to FD. Returns: 0, or negative errno. */
static int serve(struct admin *admin, int fd, MHD_AcceptPolicyCallback may,
                 MHD_AccessHandlerCallback on, struct MHD_Daemon **ret_http)
{
    if (fd < 0)
        return 0;
    errno = 0;
    *ret_http = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        may, admin, on, admin,
        MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MOST, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_END);
    if (*ret_http != NULL)
        return 0;
    /* It does not promise an errno; 1.0 ends with what closing nothing says. */
    return errno != 0 && errno != EBADF ? -errno : -EIO;
}

/* The number of a socket, which no other one has while it is open; 0: FD is none. */
static ino_t number_of(int fd)
{
    struct stat status;

    return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/*
 * Close FD, if it still is that socket: libmicrohttpd closes it when some things fail, and not
 * when others do, and by now it may be a connection of another thread.
 */
static void close_if_open(int fd, ino_t number)
{
    if (number != 0 && number_of(fd) == number)
        (void)close(fd); /* nobody was let in */
}

static int begin(struct admin *admin, const struct admin_plan *plan)
{
    admin->bell = bell_new();
    admin->look_bell = bell_new();
    admin->samples = calloc(plan->table->capacity, sizeof admin->samples[0]);
    int error = admin->bell < 0 ? admin->bell : admin->look_bell < 0 ? admin->look_bell
                : admin->samples == NULL ? -ENOMEM : 0;
    if (error == 0)
        error = settings_copy_ranges(&plan->metrics->allow, &admin->allow);
    if (error == 0)
        error = settings_copy_ranges(&plan->metrics->deny, &admin->deny);
    if (error == 0)
        error = serve(admin, plan->fd, NULL, on_request, &admin->http);
    if (error == 0)
        error = serve(admin, plan->metrics_fd, may_scrape, on_scrape, &admin->metrics);
    return error;
}

static int admin_start(const struct admin_plan *plan, struct admin **ret_admin)
{
    const ino_t numbers[] = {number_of(plan->fd), number_of(plan->metrics_fd)};
    struct admin *admin = calloc(1, sizeof *admin);
    int error = -ENOMEM;

    if (admin != NULL) {
        admin->plan = *plan;
        admin->bell = admin->look_bell = -1;
        (void)pthread_mutex_init(&admin->lock, NULL); /* a plain one of ours cannot fail */
        admin->started_s =
            (uint64_t)clock_wall_s() - clock_mono_ms() / 1000 + plan->started_ms / 1000;
        error = begin(admin, plan);
    }
    if (error < 0) {
        if (admin != NULL && admin->http != NULL)
            MHD_stop_daemon(admin->http);
        close_if_open(plan->fd, numbers[0]);
        close_if_open(plan->metrics_fd, numbers[1]);
        (void)admin_free(admin);
        return error;
    }
    *ret_admin = admin;
    return 0;
}

static void admin_stop(struct admin *admin)
{
    atomic_store(&admin->ending, 1);
    bell_ring(admin->bell);
    onlookers_end(admin);
    if (admin->http != NULL)
        MHD_stop_daemon(admin->http); /* which closes the listening socket, too */
    if (admin->metrics != NULL)
        MHD_stop_daemon(admin->metrics);
}

extern const struct admin_module admin_module;
const struct admin_module admin_module = {
    .version = PACKAGE_VERSION, .start = admin_start, .stop = admin_stop, .free = admin_free,
};
