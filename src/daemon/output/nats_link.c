/* SPDX-License-Identifier: MIT
 *
 * Messages go out by the plain publish of libnats, with an inbox of our own for the answers, and
 * not by its js_PublishAsync(): that waits while many are out, resends nothing by itself, and
 * hands answers to threads of its own.
 */
#include "config.h"

#include "daemon/output/nats_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/output/format.h"
#include "peerlog/number.h"

#define CONNECT_MS 2000
#define WRITE_MS 5000
#define PING_MS 10000
#define IDENTITY_BYTES 96u
#define DUPLICATE_IN_PROCESS 10158 /* of servers that are newer than the library */
#define HEADERS_BYTES 1024u /* of one message, at most; they count against the server's limit */

/* How a name of the library is to be understood by output.c. */
static int error_of(natsStatus status)
{
    switch (status) {
    case NATS_OK:
        return 0;
    case NATS_NO_MEMORY:
        return -ENOMEM;
    case NATS_TIMEOUT:
        return -ETIMEDOUT;
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        return -EACCES;
    case NATS_NO_SERVER:
        return -ECONNREFUSED;
    case NATS_MAX_PAYLOAD:
        return -EMSGSIZE;
    default:
        return -ENOTCONN;
    }
}

/* What the library has to say, without the place in its source that stands in front of it. */
static const char *last_words(natsStatus status)
{
    const char *words = nats_GetLastError(NULL);
    const char *end = words != NULL && *words == '(' ? strstr(words, "): ") : NULL;

    if (end != NULL)
        words = end + strlen("): ");
    return words != NULL && *words != '\0' ? words : natsStatus_GetText(status);
}

static int say(char words[PUBLISHER_WORDS_BYTES], natsStatus status)
{
    (void)snprintf(words, PUBLISHER_WORDS_BYTES, "%s", last_words(status)); /* it may be cut */
    return error_of(status);
}

/*
 * With TLS 1.3 a client believes itself connected before the server has asked in vain for its
 * certificate: all that is seen of that is an end where an answer should be.
 */
static int say_of_connecting(char words[PUBLISHER_WORDS_BYTES], natsStatus status,
                             const struct output_settings *settings)
{
    bool was_cut = status == NATS_PROTOCOL_ERROR || status == NATS_CONNECTION_CLOSED;

    if (!settings->tls || settings->tls_certificate[0] != '\0' || !was_cut)
        return say(words, status);
    (void)snprintf(words, PUBLISHER_WORDS_BYTES, /* it may be cut */
                   "the server hangs up; maybe it wants a certificate: tls_certificate (%s)",
                   last_words(status));
    return error_of(status);
}

/* --- opening --- */

static natsStatus set_tls(natsOptions *options, const struct output_settings *settings)
{
    natsStatus status = natsOptions_SetSecure(options, true);

    if (status == NATS_OK && settings->tls_ca[0] != '\0')
        status = natsOptions_LoadCATrustedCertificates(options, settings->tls_ca);
    if (status == NATS_OK && settings->tls_certificate[0] != '\0')
        status = natsOptions_LoadCertificatesChain(options, settings->tls_certificate,
                                                   settings->tls_key);
    return status;
}

static natsStatus set_servers(natsOptions *options, const struct output_settings *settings)
{
    char urls[sizeof settings->urls];
    const char *servers[PEERLOG_MAX_TEXTS];
    int count = 0;
    char *rest = NULL;

    memcpy(urls, settings->urls, sizeof urls);
    for (char *url = strtok_r(urls, ",", &rest); url != NULL && count < (int)PEERLOG_MAX_TEXTS;
         url = strtok_r(NULL, ",", &rest))
        servers[count++] = url;
    return natsOptions_SetServers(options, servers, count);
}

/* By default the library writes these to standard error; what we need to know, calls tell. */
static void hear_error(natsConnection *connection, natsSubscription *subscription,
                       natsStatus status, void *closure)
{
    (void)connection;
    (void)subscription;
    (void)status;
    (void)closure;
}

static natsStatus set_options(natsOptions *options, const struct output_settings *settings)
{
    natsStatus status = set_servers(options, settings);

    if (status == NATS_OK)
        status = natsOptions_SetName(options, "peerlogd");
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, hear_error, NULL);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false); /* what was out must be known */
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, CONNECT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetWriteDeadline(options, WRITE_MS);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(options, PING_MS);
    if (status == NATS_OK && settings->credentials[0] != '\0')
        status = natsOptions_SetUserCredentialsFromFiles(options, settings->credentials, NULL);
    if (status == NATS_OK && settings->tls)
        status = set_tls(options, settings);
    return status;
}

static natsStatus connect_to(struct nats_link *link, const struct output_settings *settings)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = set_options(options, settings);
    if (status == NATS_OK)
        status = natsConnection_Connect(&link->connection, options);
    natsOptions_Destroy(options);
    return status;
}

static natsStatus make_stream(jsCtx *js, const struct output_settings *settings,
                              jsStreamInfo **ret_info, jsErrCode *ret_code)
{
    char pattern[SUBJECT_BYTES];
    const char *subjects[] = {pattern};
    const struct stream_settings *create = &settings->create_stream;
    jsStreamConfig config;

    (void)subject_pattern(settings->subject, pattern);
    (void)jsStreamConfig_Init(&config);
    config.Name = settings->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Replicas = create->replicas;
    config.Discard = js_DiscardNew;
    config.MaxMsgs = create->max_messages > 0 ? (int64_t)create->max_messages : -1;
    config.MaxAge = (int64_t)create->max_age_s * 1000000000;
    config.Duplicates = (int64_t)create->duplicate_window_s * 1000000000;
    return js_AddStream(ret_info, js, &config, NULL, ret_code);
}

/* Answers: can the longest message be stored? A limit that is not there is -1 or 0. */
static int judge_length(int64_t most, const char *whose, size_t longest,
                        char words[PUBLISHER_WORDS_BYTES])
{
    if (most <= 0 || (uint64_t)most >= longest + HEADERS_BYTES)
        return 0;
    (void)snprintf(words, PUBLISHER_WORDS_BYTES,
                   "%s of %" PRId64 " bytes is less than the %zu that a message of buffer_size can "
                   "become; raise it, or lower buffer_size", whose, most, longest + HEADERS_BYTES);
    return -EMSGSIZE;
}

static int judge_stream(const jsStreamInfo *info, size_t longest, struct nats_stream *stream,
                        char words[PUBLISHER_WORDS_BYTES])
{
    const jsStreamConfig *config = info->Config;

    stream->replicas = config->Replicas;
    stream->duplicate_window_s = config->Duplicates / 1000000000;
    if (config->Discard == js_DiscardOld &&
        (config->MaxBytes > 0 || config->MaxMsgs > 0 || config->MaxMsgsPerSubject > 0))
        stream->danger = "has discard \"old\" and a limit: when it is full, the server throws the "
                         "oldest messages away; set discard to \"new\"";
    else if (config->MaxBytes > 0)
        stream->danger = "has a limit in bytes, close to which nats-server 2.9 throws the oldest "
                         "messages away in spite of discard \"new\"; use one in messages";
    return judge_length(config->MaxMsgSize, "max_msg_size", longest, words);
}

static int find_stream(struct nats_link *link, const struct output_settings *settings,
                       size_t longest, struct nats_stream *stream,
                       char words[PUBLISHER_WORDS_BYTES])
{
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    natsStatus status = natsConnection_JetStream(&js, link->connection, NULL);
    int error = 0;

    if (status == NATS_OK)
        status = js_GetStreamInfo(&info, js, settings->stream, NULL, &code);
    if (code == JSStreamNotFoundErr && settings->create_stream.replicas > 0) {
        status = make_stream(js, settings, &info, &code);
        stream->was_made = status == NATS_OK;
    }
    if (status == NATS_OK)
        error = judge_stream(info, longest, stream, words);
    else
        error = say(words, status);
    if (code == JSStreamNotFoundErr) {
        (void)snprintf(words, PUBLISHER_WORDS_BYTES, "there is no such stream; make it, or set "
                                                "create_stream = { replicas = 3; }");
        error = -ENOENT;
    }
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return error;
}

static natsStatus hear_answers(struct nats_link *link)
{
    natsInbox *inbox = NULL;
    char subject[sizeof link->inbox + 4];
    natsStatus status = natsInbox_Create(&inbox);

    if (status != NATS_OK)
        return status;
    (void)snprintf(link->inbox, sizeof link->inbox, "%s", (const char *)inbox); /* some 29 bytes */
    natsInbox_Destroy(inbox);
    (void)snprintf(subject, sizeof subject, "%s.*.*", link->inbox);
    return natsConnection_SubscribeSync(&link->answers, link->connection, subject);
}

int nats_link_open(struct nats_link *link, const struct output_settings *settings, size_t longest,
                   struct nats_stream *ret_stream, char words[PUBLISHER_WORDS_BYTES])
{
    struct nats_stream stream = {.replicas = 0};

    *link = (struct nats_link){.connection = NULL};
    natsStatus status = connect_to(link, settings);
    int error = status == NATS_OK ? 0 : say_of_connecting(words, status, settings);
    if (error == 0)
        error = judge_length(natsConnection_GetMaxPayload(link->connection), "max_payload", longest,
                             words);
    if (error == 0)
        error = find_stream(link, settings, longest, &stream, words);
    if (error == 0) {
        status = hear_answers(link);
        error = status == NATS_OK ? 0 : say(words, status);
    }
    if (error < 0)
        nats_link_close(link);
    else
        *ret_stream = stream;
    return error;
}

/* Before 3.6.1 the library reads on for a subscription that is gone: no thread may be left. */
void nats_link_close(struct nats_link *link)
{
    natsConnection_Close(link->connection);
    natsSubscription_Destroy(link->answers);
    natsConnection_Destroy(link->connection);
    link->answers = NULL;
    link->connection = NULL;
}

/* --- another leader --- */

static bool is_full(const jsStreamInfo *info)
{
    const jsStreamConfig *config = info->Config;

    return (config->MaxMsgs > 0 && info->State.Msgs >= (uint64_t)config->MaxMsgs) ||
           (config->MaxBytes > 0 && info->State.Bytes >= (uint64_t)config->MaxBytes);
}

int nats_link_step_down(struct nats_link *link, const char *stream)
{
    char subject[SUBJECT_BYTES + 64];
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    natsMsg *answer = NULL;
    natsStatus status = natsConnection_JetStream(&js, link->connection, NULL);
    int error = 0;

    if (status == NATS_OK)
        status = js_GetStreamInfo(&info, js, stream, NULL, NULL);
    if (status == NATS_OK && is_full(info))
        error = -ENOSPC;
    (void)snprintf(subject, sizeof subject, "$JS.API.STREAM.LEADER.STEPDOWN.%s", stream);
    if (status == NATS_OK && error == 0)
        status = natsConnection_RequestString(&answer, link->connection, subject, "", CONNECT_MS);
    natsMsg_Destroy(answer);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return status != NATS_OK ? error_of(status) : error;
}

/* --- sending --- */

/* The same for the same records, whichever process sends them. */
static void write_identity(const struct load *load, uint32_t number, uint64_t instance,
                           char dst[IDENTITY_BYTES])
{
    const struct load_message *message = &load->messages[number];
    size_t n = format_hex(dst, instance);

    dst[n++] = '-';
    n += number_format(dst + n, load->runs[message->run].connection);
    dst[n++] = '-';
    n += number_format(dst + n, message->first);
    if (message->last != message->first) {
        dst[n++] = '-';
        n += number_format(dst + n, message->last);
    }
    dst[n] = '\0';
}

static natsStatus set_identity(natsMsg *out, const struct nats_message *message)
{
    char text[IDENTITY_BYTES];

    write_identity(message->load, message->number, message->instance, text);
    natsStatus status = natsMsgHeader_Set(out, "Nats-Msg-Id", text);
    if (status != NATS_OK || !message->is_chained || message->number == 0)
        return status;
    write_identity(message->load, message->number - 1, message->instance, text);
    return natsMsgHeader_Set(out, "Nats-Expected-Last-Msg-Id", text);
}

static natsStatus set_headers(natsMsg *out, const struct load_message *message,
                              const struct load_run *run)
{
    char text[NUMBER_MAX_DIGITS + 1];

    natsStatus status = natsMsgHeader_Set(out, "Peer", run->peer);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(out, "Peer-Listener", run->listener);
    text[number_format(text, message->first)] = '\0';
    if (status == NATS_OK)
        status = natsMsgHeader_Set(out, "Peer-Sequence", text);
    text[number_format(text, message->records)] = '\0';
    if (status == NATS_OK && message->records > 1)
        status = natsMsgHeader_Set(out, "Peer-Records", text);
    return status;
}

int nats_link_send(struct nats_link *link, const struct nats_message *to_send)
{
    const struct load *load = to_send->load;
    const struct load_message *message = &load->messages[to_send->number];
    const struct load_run *run = &load->runs[message->run];
    char reply[sizeof link->inbox + 24];
    natsMsg *out = NULL;
    size_t n = format_text(reply, link->inbox);

    reply[n++] = '.';
    n += number_format(reply + n, to_send->attempt);
    reply[n++] = '.';
    n += number_format(reply + n, to_send->number);
    reply[n] = '\0';
    natsStatus status = natsMsg_Create(&out, run->subject, reply, load->bytes + message->at,
                                       (int)message->len);
    if (status == NATS_OK)
        status = set_identity(out, to_send);
    if (status == NATS_OK)
        status = set_headers(out, message, run);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(link->connection, out);
    natsMsg_Destroy(out);
    return error_of(status);
}

/* --- answers --- */

/* The text of a member of a JSON object that a server wrote; its strings have no quotes in them. */
static const char *member(const char *body, size_t len, const char *name)
{
    const char *at = memmem(body, len, name, strlen(name));

    return at != NULL ? at + strlen(name) : NULL;
}

/* Of an error of JetStream's. */
static int error_of_code(long code)
{
    switch (code) {
    case JSStreamStoreFailedErr:
        return -ENOSPC;
    case JSStreamWrongLastMsgIDErr:
        return -ECANCELED;
    case DUPLICATE_IN_PROCESS:
        return -EBUSY;
    default:
        return -EIO;
    }
}

static void read_error(const char *body, size_t len, struct nats_answer *answer)
{
    static const char code_name[] = "\"err_code\":", words_name[] = "\"description\":\"";
    const char *code = member(body, len, code_name), *words = member(body, len, words_name);
    const char *end = words != NULL ? memchr(words, '"', len - (size_t)(words - body)) : NULL;

    /* The library ends a message's body with a NUL that is not part of it. */
    answer->error = error_of_code(code != NULL ? strtol(code, NULL, 10) : 0);
    (void)snprintf(answer->words, sizeof answer->words, "%.*s",
                   end != NULL ? (int)(end - words) : 0, end != NULL ? words : "");
}

/*
 * A leader of nats-server 2.10 notes the identity of a message before it is stored, and keeps it if
 * it could not be, as when the stream is full. What comes again it calls a duplicate of nothing;
 * newer ones call it an error.
 */
static void read_receipt(const char *body, size_t len, struct nats_answer *answer)
{
    const char *number = member(body, len, "\"seq\":");

    if (number != NULL && strtoull(number, NULL, 10) > 0)
        return;
    answer->error = -EBUSY;
    strcpy(answer->words, "its leader takes a message for a duplicate that it has not stored");
}

static void read_answer(const struct nats_link *link, natsMsg *message, struct nats_answer *answer)
{
    const char *body = natsMsg_GetData(message);
    size_t len = (size_t)natsMsg_GetDataLength(message);
    char *end;

    *answer = (struct nats_answer){.error = 0};
    answer->attempt = (uint32_t)strtoul(natsMsg_GetSubject(message) + strlen(link->inbox) + 1,
                                        &end, 10);
    answer->number = *end == '.' ? (uint32_t)strtoul(end + 1, NULL, 10) : UINT32_MAX;
    if (natsMsg_IsNoResponders(message)) {
        answer->error = -EHOSTUNREACH;
        (void)snprintf(answer->words, sizeof answer->words,
                       "nobody takes the subject: the stream has no leader now, or other subjects");
    } else if (len == 0 || member(body, len, "\"error\":") != NULL) {
        read_error(body != NULL ? body : "", len, answer);
    } else {
        read_receipt(body, len, answer);
    }
}

int nats_link_answer(struct nats_link *link, int64_t timeout_ms, struct nats_answer *ret_answer)
{
    natsMsg *message = NULL;
    natsStatus status = natsSubscription_NextMsg(&message, link->answers, timeout_ms);

    if (status == NATS_TIMEOUT)
        return natsConnection_IsClosed(link->connection) ? -ENOTCONN : -EAGAIN;
    if (status != NATS_OK)
        return -ENOTCONN;
    read_answer(link, message, ret_answer);
    natsMsg_Destroy(message);
    return 0;
}
