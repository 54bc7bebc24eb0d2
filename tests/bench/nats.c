/* SPDX-License-Identifier: MIT
 *
 * The least that NATS costs: a loop around js_PublishMsgAsync() with the identities and headers
 * that peerlogd's messages have. By hand, as `make tests/bench/nats` builds it; nats.py compares.
 *
 * usage: nats SERVER SUBJECT COUNT BYTES; prints processor time in us a message, messages a second,
 * and MiB at most. The stream must be there.
 */
#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"

#define PENDING 1024 /* messages on their way: what a load of peerlogd's has */

static _Atomic unsigned long lost;

static void hear_error(jsCtx *js, jsPubAckErr *error, void *closure)
{
    (void)js;
    (void)error;
    (void)closure;
    lost++;
}

static void need(natsStatus status)
{
    if (status == NATS_OK)
        return;
    (void)fprintf(stderr, "nats: %s\n", natsStatus_GetText(status));
    exit(1);
}

static void send_one(jsCtx *js, const char *subject, const char *body, int len,
                     unsigned long number)
{
    natsMsg *message = NULL;
    char identity[64], sequence[24];

    (void)snprintf(identity, sizeof identity, "%016lx-1-%lu", (unsigned long)getpid(), number);
    (void)snprintf(sequence, sizeof sequence, "%lu", number);
    need(natsMsg_Create(&message, subject, NULL, body, len));
    need(natsMsgHeader_Set(message, "Nats-Msg-Id", identity));
    need(natsMsgHeader_Set(message, "Peer", "127.0.0.1:12345"));
    need(natsMsgHeader_Set(message, "Peer-Listener", "127.0.0.1:5140"));
    need(natsMsgHeader_Set(message, "Peer-Sequence", sequence));
    while (js_PublishMsgAsync(js, &message, NULL) == NATS_TIMEOUT)
        ; /* too many are on their way */
    natsMsg_Destroy(message);
}

static void wait_for_all(jsCtx *js)
{
    jsPubOptions options;

    (void)jsPubOptions_Init(&options);
    options.MaxWait = 60000;
    need(js_PublishAsyncComplete(js, &options));
}

int main(int argc, char **argv)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    jsOptions options;
    struct rusage usage;

    if (argc != 5)
        return 64;
    unsigned long count = strtoul(argv[3], NULL, 10);
    int len = atoi(argv[4]);
    char *body = malloc((size_t)len + 1);
    if (body == NULL)
        return 1;
    memset(body, 'x', (size_t)len);
    need(natsConnection_ConnectTo(&connection, argv[1]));
    (void)jsOptions_Init(&options);
    options.PublishAsync.MaxPending = PENDING;
    options.PublishAsync.ErrHandler = hear_error;
    need(natsConnection_JetStream(&js, connection, &options));
    send_one(js, argv[2], body, len, 0);
    wait_for_all(js);
    uint64_t begin_ns = cpu_ns(), begun_ns = now_ns();
    for (unsigned long i = 1; i <= count; i++)
        send_one(js, argv[2], body, len, i);
    wait_for_all(js);
    double us = (double)(cpu_ns() - begin_ns) / 1000 / (double)count;
    double all_us = (double)(now_ns() - begun_ns) / 1000;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%.3f %.0f %.1f\n", us, 1e6 * (double)count / all_us,
                 (double)usage.ru_maxrss / 1024);
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    free(body);
    return lost == 0 ? 0 : 1;
}
