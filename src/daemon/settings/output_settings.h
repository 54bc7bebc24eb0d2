/* SPDX-License-Identifier: MIT
 *
 * The settings of the output, and how records are labelled: a part of settings.h.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_OUTPUT_SETTINGS_H
#define PEERLOG_DAEMON_SETTINGS_OUTPUT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peerlog/limits.h"
#include "peerlog/subject.h"

/* sizeof(((struct sockaddr_un *)0)->sun_path) */
#define SETTINGS_PATH_BYTES 108u

/* Room for the name of a file. */
#define SETTINGS_FILE_BYTES 256u

/* Room for the servers of a broker, and for the properties of its library. */
#define SETTINGS_URLS_BYTES 1024u
#define SETTINGS_PROPERTIES_BYTES 2048u

enum output_type {
    OUTPUT_SYSLOG,
    OUTPUT_JOURNAL,
    OUTPUT_STDOUT,
    OUTPUT_AUTO, /* journal or syslog, whatever the machine has */
    OUTPUT_FILE,
    OUTPUT_NATS,
    OUTPUT_KAFKA,
    OUTPUT_TYPES,
};

/* A list of texts; owned by the settings. TEXTS ends with NULL, and is NULL when it is empty. */
struct text_list {
    char **texts;
    size_t count;
};

/* How a record is labelled: of the output, and of a listener that overrides it. */
struct label_settings {
    uint8_t facility; /* 0 to FACILITY_MAX */
    uint8_t severity; /* enum severity */
    char tag[PEERLOG_MAX_TAG_BYTES + 1];
    bool show_peer; /* its text begins with the peer's address */
};

/* How records stand in files. */
enum output_format { OUTPUT_FORMAT_TEXT, OUTPUT_FORMAT_JSON, OUTPUT_FORMAT_EXPORT };

/* When they are made durable. */
enum output_sync {
    OUTPUT_SYNC_NEVER,
    OUTPUT_SYNC_SECOND, /* once a second */
    OUTPUT_SYNC_ROUND,  /* before they count as taken */
};

/* How a stream is made that is not there; all numbers, so that they compare as bytes. */
struct stream_settings {
    uint32_t replicas; /* 0: it is not made */
    uint32_t max_messages; /* 0: no limit */
    uint32_t max_age_s;
    uint32_t duplicate_window_s;
};

struct output_settings {
    uint8_t type; /* enum output_type */
    char path[SETTINGS_FILE_BYTES]; /* less than SETTINGS_PATH_BYTES of it, when it is a socket */
    uint8_t format;          /* of files, as what follows: enum output_format */
    uint8_t sync;            /* enum output_sync */
    uint16_t mode;           /* of files that are made */
    uint16_t directory_mode; /* of folders */
    uint32_t max_bytes;      /* of a file; 0: no limit */
    uint32_t keep;           /* how many beside the one that is written */
    struct text_list servers; /* of NATS, as what follows; urls is theirs both */
    char urls[SETTINGS_URLS_BYTES]; /* the same with commas between: it goes where they do not */
    char stream[PEERLOG_MAX_TAG_BYTES + 1];
    char subject[SUBJECT_TEMPLATE_BYTES]; /* its template */
    char credentials[SETTINGS_FILE_BYTES];
    bool tls;
    char tls_ca[SETTINGS_FILE_BYTES];
    char tls_certificate[SETTINGS_FILE_BYTES];
    char tls_key[SETTINGS_FILE_BYTES];
    uint16_t pack;      /* records in one message, at most */
    uint16_t in_flight; /* messages of one connection, at most */
    struct stream_settings create_stream;
    struct text_list brokers;    /* of Kafka, as what follows */
    struct text_list properties; /* of librdkafka: "NAME=VALUE" */
    char topic[SUBJECT_TEMPLATE_BYTES]; /* its template */
    char property_lines[SETTINGS_PROPERTIES_BYTES]; /* the properties, each with a newline */
    uint32_t buffer_size; /* that of all settings: a broker must take messages of this size */
    struct label_settings label;
};

/* Answers: are these the same? Pure. */
bool output_settings_equal(const struct output_settings *a, const struct output_settings *b);

#endif
