/* SPDX-License-Identifier: MIT
 *
 * libcurl(3).
 */
#include "config.h"

#include "ctl/ask.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PATIENCE_MS 10000L

/* A daemon with a million connections answers with less than this. */
#define ANSWER_MOST_BYTES (1024u * 1024u * 1024u)

struct asker {
    CURL *curl;
    const char *socket;
};

struct buffer {
    char *text;
    size_t len, room;
};

struct asker *asker_new(const char *socket)
{
    struct asker *asker = calloc(1, sizeof *asker);

    if (asker == NULL)
        return NULL;
    asker->socket = socket;
    asker->curl = curl_easy_init();
    return asker->curl != NULL ? asker : asker_free(asker);
}

struct asker *asker_free(struct asker *asker)
{
    if (asker != NULL && asker->curl != NULL)
        curl_easy_cleanup(asker->curl);
    free(asker);
    return NULL;
}

/* Called by libcurl with more of the answer. Returns: how much was taken. */
static size_t take_more(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *buffer = context;
    size_t more = size * count;

    if (more > ANSWER_MOST_BYTES - buffer->len)
        return 0;
    if (buffer->len + more + 1 > buffer->room) {
        size_t room = 2 * buffer->room + more + 1;
        char *text = realloc(buffer->text, room);
        if (text == NULL)
            return 0;
        buffer->text = text;
        buffer->room = room;
    }
    memcpy(buffer->text + buffer->len, bytes, more);
    buffer->len += more;
    buffer->text[buffer->len] = '\0';
    return more;
}

/* Nobody answered: why not? */
static void note_failure(struct asker *asker, CURLcode code, struct answer *answer)
{
    long os_error = 0;

    (void)curl_easy_getinfo(asker->curl, CURLINFO_OS_ERRNO, &os_error); /* 0 if it is not known */
    answer->status = EX_UNAVAILABLE;
    if (code == CURLE_COULDNT_CONNECT && (os_error == EACCES || os_error == EPERM))
        answer->status = EX_NOPERM;
    if (code == CURLE_COULDNT_CONNECT && (os_error == ENOENT || os_error == ECONNREFUSED))
        (void)snprintf(answer->fault, sizeof answer->fault, "%s: no peerlogd answers there",
                       asker->socket);
    else
        (void)snprintf(answer->fault, sizeof answer->fault, "%s: %s", asker->socket,
                       code == CURLE_COULDNT_CONNECT && os_error != 0 ? strerror((int)os_error)
                                                                      : curl_easy_strerror(code));
}

/* The exit status for one of HTTP. */
static int status_of(long http)
{
    if (http < 300)
        return EX_OK;
    switch (http) {
    case 400:
        return EX_USAGE; /* a value out of the command line */
    case 404:
        return EX_DATAERR;
    case 409:
        return EX_CONFIG;
    case 503:
        return EX_UNAVAILABLE;
    default:
        return EX_PROTOCOL;
    }
}

static void read_answer(struct asker *asker, struct answer *answer)
{
    const char *type = NULL;
    long http = 0;

    (void)curl_easy_getinfo(asker->curl, CURLINFO_RESPONSE_CODE, &http); /* there is one */
    (void)curl_easy_getinfo(asker->curl, CURLINFO_CONTENT_TYPE, &type);
    if (type != NULL && strcmp(type, "application/json") == 0 && answer->text != NULL)
        answer->json = json_loads(answer->text, 0, NULL);
    answer->status = status_of(http);
    if (answer->status == EX_OK)
        return;
    const char *words = json_string_value(json_object_get(answer->json, "error"));
    (void)snprintf(answer->fault, sizeof answer->fault, "%s",
                   words != NULL ? words : "this daemon does not understand the request");
}

/* What comes is for TAKE. Returns: false when libcurl lacks something. */
static bool prepare(CURL *curl, const char *socket, const char *method, const char *path,
                    curl_write_callback take)
{
    char url[1024];

    (void)snprintf(url, sizeof url, "http://peerlogd%s", path); /* paths are ours, and short */
    curl_easy_reset(curl); /* what is connected stays */
    return curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK;
}

static void lacks_something(struct answer *answer)
{
    (void)snprintf(answer->fault, sizeof answer->fault, "libcurl lacks something");
}

void ask(struct asker *asker, const char *method, const char *path, struct answer *ret_answer)
{
    struct buffer buffer = {.text = NULL};

    *ret_answer = (struct answer){.status = EX_SOFTWARE};
    if (!prepare(asker->curl, asker->socket, method, path, take_more) ||
        curl_easy_setopt(asker->curl, CURLOPT_TIMEOUT_MS, PATIENCE_MS) != CURLE_OK ||
        curl_easy_setopt(asker->curl, CURLOPT_WRITEDATA, &buffer) != CURLE_OK) {
        lacks_something(ret_answer);
        return;
    }
    CURLcode code = curl_easy_perform(asker->curl);
    ret_answer->text = buffer.text;
    if (code != CURLE_OK)
        note_failure(asker, code, ret_answer);
    else
        read_answer(asker, ret_answer);
}

/* --- streams --- */

struct stream {
    struct asker *asker;
    struct buffer buffer; /* what is not a whole line yet */
    bool (*take)(void *context, const json_t *line);
    void *context;
    bool ended; /* by TAKE */
};

/* Hand on the lines that are whole. Answers: is there to be more? */
static bool take_lines(struct stream *stream)
{
    struct buffer *buffer = &stream->buffer;
    size_t at = 0;
    const char *end;

    while (!stream->ended && (end = memchr(buffer->text + at, '\n', buffer->len - at)) != NULL) {
        json_t *line = json_loadb(buffer->text + at, (size_t)(end - buffer->text) - at, 0, NULL);
        stream->ended = line != NULL && !stream->take(stream->context, line);
        json_decref(line);
        at = (size_t)(end - buffer->text) + 1;
    }
    buffer->len -= at;
    memmove(buffer->text, buffer->text + at, buffer->len + 1);
    return !stream->ended;
}

/* Called by libcurl with more of it. Returns: how much was taken. */
static size_t take_stream(char *bytes, size_t size, size_t count, void *context)
{
    struct stream *stream = context;
    long http = 0;

    (void)curl_easy_getinfo(stream->asker->curl, CURLINFO_RESPONSE_CODE, &http); /* there is one */
    if (take_more(bytes, size, count, &stream->buffer) != size * count)
        return 0;
    return http >= 300 || take_lines(stream) ? size * count : 0;
}

void ask_stream(struct asker *asker, const char *path,
                bool (*take)(void *context, const json_t *line), void *context,
                struct answer *ret_answer)
{
    struct stream stream = {.asker = asker, .take = take, .context = context};

    *ret_answer = (struct answer){.status = EX_SOFTWARE};
    if (!prepare(asker->curl, asker->socket, "GET", path, take_stream) ||
        curl_easy_setopt(asker->curl, CURLOPT_WRITEDATA, &stream) != CURLE_OK) {
        lacks_something(ret_answer);
        return;
    }
    CURLcode code = curl_easy_perform(asker->curl);
    ret_answer->text = stream.buffer.text;
    if (stream.ended)
        ret_answer->status = EX_OK;
    else if (code != CURLE_OK)
        note_failure(asker, code, ret_answer);
    else
        read_answer(asker, ret_answer);
}

void answer_done(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->text);
    *answer = (struct answer){.status = EX_SOFTWARE};
}

char *ask_escape(struct asker *asker, const char *value)
{
    return curl_easy_escape(asker->curl, value, 0);
}

void ask_free_escaped(char *escaped)
{
    curl_free(escaped);
}
