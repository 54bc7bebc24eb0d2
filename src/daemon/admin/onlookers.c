/* SPDX-License-Identifier: MIT
 *
 * /v1/trace: what some peers say, a line of JSON for each message, to an onlooker, as long as that
 * stays. All onlookers share one trace of each worker, which is exchanged for an empty one several
 * times a second by a thread of its own, and now and then a census tells what waits for its end.
 * While there is nothing to tell, an onlooker is suspended, and libmicrohttpd does not notice when
 * it goes away. The admin's lock holds all of this together.
 */
#include "config.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/private.h"
#include "daemon/worker/trace.h"
#include "os/poller.h"
#include "os/unix_socket.h"
#include "peerlog/count.h"

/* How often workers are asked, in milliseconds; one in so many times for what waits, too. */
#define LOOK_EVERY_MS 200u
#define LOOKS_FOR_WAITING 5u

/* An end that has not come for so long is missing, in seconds. */
#define WAITS_S 2u

/* What an onlooker may leave unread; what comes then is missed. */
#define UNREAD_MOST_BYTES (256u * 1024u)

/* Connections whose message waits for its end, and that were told. */
#define TOLD 64u

/* At the end they are told so, if it takes no longer, in milliseconds. */
#define END_WITHIN_MS 200

/* libmicrohttpd asks for so much at a time. */
#define PIECE_BYTES 4096u

struct onlooker {
    struct onlooker *next;
    struct admin *admin;
    struct MHD_Connection *http;
    struct cidr peer; /* whom it is about */
    bool suspended;
    bool left; /* it went away */
    char *text;       /* to be told: from SENT on, up to LEN */
    size_t sent, len, room;
    json_int_t missed; /* messages that were not told */
    struct told {
        uint64_t connection, received;
    } told[TOLD];
    size_t told_next;
};

/* --- telling --- */

/* Answers: is there room and memory for TEXT and a line feed? */
static bool put(struct onlooker *one, const char *text)
{
    size_t more = strlen(text) + 1;

    if (one->sent == one->len)
        one->sent = one->len = 0;
    if (more > UNREAD_MOST_BYTES - (one->len - one->sent))
        return false;
    if (one->len + more > one->room && one->sent > 0) {
        memmove(one->text, one->text + one->sent, one->len - one->sent);
        one->len -= one->sent;
        one->sent = 0;
    }
    if (one->len + more > one->room) {
        size_t room = 2 * one->room + more;
        char *larger = realloc(one->text, room);
        if (larger == NULL)
            return false;
        one->text = larger;
        one->room = room;
    }
    memcpy(one->text + one->len, text, more - 1);
    one->text[one->len + more - 1] = '\n';
    one->len += more;
    return true;
}

/* Tell JSON, which is released. Answers: was there room for it? */
static bool tell(struct onlooker *one, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    bool told = text != NULL && put(one, text);

    free(text);
    json_decref(json);
    return told;
}

static void tell_missed(struct onlooker *one)
{
    if (one->missed > 0 && tell(one, json_pack("{s:I}", "missed", one->missed)))
        one->missed = 0;
}

static bool is_about(const struct onlooker *one, const struct peer *peer)
{
    return cidr_longest_match(&one->peer, 1, peer) >= 0;
}

static void tell_entry(struct admin *admin, const struct trace_entry *entry,
                       const unsigned char *text)
{
    for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
        if (is_about(one, &entry->peer) && !tell(one, trace_describe(entry, text)))
            one->missed++;
}

static void tell_trace(struct admin *admin, const struct trace *trace)
{
    const struct trace_entry *entry;
    const unsigned char *text;
    uint32_t at = 0;

    while ((entry = trace_next(trace, &at, &text)) != NULL)
        tell_entry(admin, entry, text);
    for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
        one->missed += trace->missed; /* for one of them; which, nobody knows */
}

/* --- asking --- */

/* Give a worker TRACE, or none, for the one that it has, and tell what is in that. */
static void exchange(struct admin *admin, unsigned worker, struct trace *trace)
{
    struct question *ask = question_new(admin, LETTER_TRACE, sizeof *ask);

    if (ask == NULL) {
        free(trace);
        return;
    }
    ask->letter.trace = trace;
    if (!ask_worker(admin, worker, ask))
        return; /* it is busy, and asked again */
    if (ask->letter.trace != NULL)
        tell_trace(admin, ask->letter.trace);
    free(ask->letter.trace);
    free(ask);
}

static void exchange_all(struct admin *admin)
{
    for (unsigned i = 0; i < admin->plan.workers_count; i++) {
        struct trace *trace = admin->onlookers != NULL ? calloc(1, sizeof *trace) : NULL;
        if (trace == NULL && admin->onlookers != NULL)
            return;
        for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
            trace->peers[trace->peers_count++] = one->peer;
        exchange(admin, i, trace);
    }
}

/* Answers: was it told already? It is from now on. */
static bool is_told(struct onlooker *one, const struct conn_description *of)
{
    for (size_t i = 0; i < TOLD; i++)
        if (one->told[i].connection == of->connection && one->told[i].received == of->received)
            return true;
    one->told[one->told_next] = (struct told){of->connection, of->received};
    one->told_next = (one->told_next + 1) % TOLD;
    return false;
}

static void tell_waiting(struct onlooker *one, const struct conn_description *of)
{
    char address[PEER_TEXT_BYTES];

    if (of->tail_bytes == 0 || of->silent_s < WAITS_S || !is_about(one, &of->peer) ||
        is_told(one, of))
        return;
    (void)peer_format_address(&of->peer, address);
    json_t *json = json_pack("{s:I, s:s, s:i, s:s, s:I, s:I}",
                             "connection", (json_int_t)of->connection, "address", address,
                             "port", (int)of->peer.port, "waits", "end",
                             "tail", (json_int_t)of->tail_bytes,
                             "idle", (json_int_t)of->silent_s);
    (void)tell(one, json); /* one that does not read has enough to read */
}

static void look_for_waiting(struct admin *admin)
{
    const struct wanted all = {.limit = 0};
    struct census census;

    if (census_take(admin, NULL, &all, &census) < 0)
        return;
    for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
        for (size_t i = 0; i < census.count; i++)
            tell_waiting(one, &census.all[i].of);
    free(census.all);
}

/* --- an onlooker --- */

static ssize_t take_some(struct onlooker *one, char *dst, size_t most)
{
    size_t n = one->len - one->sent;

    if (atomic_load(&one->admin->ending))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (one->left)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0) {
        MHD_suspend_connection(one->http);
        one->suspended = true;
        return 0;
    }
    n = n < most ? n : most;
    memcpy(dst, one->text + one->sent, n);
    one->sent += n;
    return (ssize_t)n;
}

/* Called by libmicrohttpd for more of the answer. */
static ssize_t read_more(void *context, uint64_t at, char *dst, size_t most)
{
    struct onlooker *one = context;

    (void)at;
    (void)pthread_mutex_lock(&one->admin->lock); /* a plain mutex of ours cannot fail */
    ssize_t n = take_some(one, dst, most);
    (void)pthread_mutex_unlock(&one->admin->lock);
    return n;
}

static void forget(struct onlooker *one)
{
    struct admin *admin = one->admin;

    for (struct onlooker **at = &admin->onlookers; *at != NULL; at = &(*at)->next)
        if (*at == one) {
            *at = one->next;
            break;
        }
    free(one->text);
    free(one);
    if (admin->onlookers == NULL)
        bell_ring(admin->look_bell); /* that was the last one */
}

/* Called by libmicrohttpd when it needs the answer no more. */
static void free_onlooker(void *context)
{
    struct onlooker *one = context;
    struct admin *admin = one->admin;

    (void)pthread_mutex_lock(&admin->lock);
    forget(one);
    (void)pthread_mutex_unlock(&admin->lock);
}

static void go_on(struct onlooker *one)
{
    if (one->suspended)
        MHD_resume_connection(one->http);
    one->suspended = false;
}

/* Go on with those that are to be told something, or went away. */
static void go_on_all(struct admin *admin)
{
    for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next) {
        int fd = MHD_get_connection_info(one->http, MHD_CONNECTION_INFO_CONNECTION_FD)
                     ->connect_fd;
        tell_missed(one);
        one->left = unix_socket_is_left(fd);
        if (one->len > one->sent || one->left)
            go_on(one);
    }
}

static unsigned count_onlookers(const struct admin *admin)
{
    unsigned count = 0;

    for (const struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
        count++;
    return count;
}

/* --- the thread --- */

/* Returns: how long it is until the next look, in milliseconds; -1: for ever. */
static int look(struct admin *admin)
{
    exchange_all(admin); /* without onlookers the trace ends */
    if (admin->onlookers == NULL)
        return -1;
    if (admin->looks++ % LOOKS_FOR_WAITING == 0)
        look_for_waiting(admin);
    go_on_all(admin);
    return LOOK_EVERY_MS;
}

static void *run(void *argument)
{
    struct admin *admin = argument;
    int wait_ms = LOOK_EVERY_MS;

    while (!atomic_load(&admin->ending)) {
        bell_wait(admin->look_bell, wait_ms);
        (void)pthread_mutex_lock(&admin->lock);
        wait_ms = look(admin);
        (void)pthread_mutex_unlock(&admin->lock);
    }
    return NULL;
}

/* Answers: is there a thread that looks, now? */
static bool begin_to_look(struct admin *admin)
{
    if (!admin->looks_on && !atomic_load(&admin->ending))
        admin->looks_on = pthread_create(&admin->looker, NULL, run, admin) == 0;
    if (!admin->looks_on)
        return false;
    (void)pthread_setname_np(admin->looker, "onlookers"); /* a name is only a help */
    bell_ring(admin->look_bell);
    return true;
}

void answer_trace(struct admin *admin, const struct request *request, struct reply *reply)
{
    if (!request->wanted.has_peer) {
        reply_fault(reply, MHD_HTTP_BAD_REQUEST, "whose? Say peer=");
        return;
    }
    if (count_onlookers(admin) == TRACE_PEERS) {
        reply_fault(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "%u are traced already", TRACE_PEERS);
        return;
    }
    struct onlooker *one = calloc(1, sizeof *one);
    if (one == NULL)
        return;
    one->admin = admin;
    one->http = request->http;
    one->peer = request->wanted.peer;
    one->next = admin->onlookers;
    admin->onlookers = one;
    exchange_all(admin); /* it is told from here on */
    if (begin_to_look(admin))
        reply->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, read_more,
                                                          one, free_onlooker);
    if (reply->stream == NULL)
        forget(one);
    reply->status = MHD_HTTP_OK;
    reply->type = "application/x-ndjson";
}

void onlookers_end(struct admin *admin)
{
    (void)pthread_mutex_lock(&admin->lock);
    bool looks_on = admin->looks_on; /* from here on it stays as it is */
    (void)pthread_mutex_unlock(&admin->lock);
    if (!looks_on)
        return;
    bell_ring(admin->look_bell);
    (void)pthread_join(admin->looker, NULL); /* it was created, and is joined once */
    (void)pthread_mutex_lock(&admin->lock);
    bool some = admin->onlookers != NULL;
    bell_hush(admin->look_bell);
    for (struct onlooker *one = admin->onlookers; one != NULL; one = one->next)
        go_on(one);
    (void)pthread_mutex_unlock(&admin->lock);
    if (some) /* they are told that it is the end; one that does not read is not waited for */
        bell_wait(admin->look_bell, END_WITHIN_MS);
}
