/* SPDX-License-Identifier: MIT
 *
 * The settings: everything the configuration file decides, as one plain structure.
 * Built and checked whole before anyone sees it, immutable afterwards; a reload
 * builds a second one and swaps the pointer. Any thread may read it.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_SETTINGS_H
#define PEERLOG_DAEMON_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/settings/output_settings.h"
#include "peerlog/cidr.h"
#include "peerlog/framer.h"
#include "peerlog/limits.h"
#include "peerlog/peer.h"
#include "peerlog/record.h"

/* A list of address ranges; owned by the settings. */
struct cidr_list {
    struct cidr *ranges;
    size_t count;
};

struct tls_context;

struct listener_settings {
    struct peer address; /* numeric address and port; "::" serves both families; port 0: any */
    uint8_t framing;     /* enum framing */
    uint8_t session;     /* enum listener_session */
    uint8_t multiline;   /* enum multiline */
    uint32_t flush_timeout_s; /* seconds; 0: never */
    uint8_t announce;         /* enum announce */
    uint32_t silent_after_s;  /* seconds; 0: never */
    bool allow_empty;    /* allow is written out, and empty */
    bool allow_kern;     /* peers may say the facility kern */
    bool proxy_protocol; /* the peer is named by a PROXY header */
    struct label_settings label; /* the output's, with this listener's overrides */
    struct cidr_list allow;      /* empty: everyone */
    struct cidr_list deny;
    uint8_t tls_mode;            /* enum tls_mode */
    uint8_t client_certificate;  /* none, optional, required: tls/tls_context.h */
    uint8_t tls_min;             /* enum tls_min */
    bool survive;                /* its connections are kept for the next process */
    char certificate[SETTINGS_FILE_BYTES];
    char key[SETTINGS_FILE_BYTES];
    char client_ca[SETTINGS_FILE_BYTES];
    struct text_list client_names;
    struct text_list tls_ciphers;
    struct tls_context *tls;     /* what it shows its peers and asks of them; NULL: no TLS */
    struct cidr_list proxy_from; /* who may send a PROXY header; empty: everyone */
};

/* Which of its connections' ends are said in a line. */
enum announce { ANNOUNCE_NONE, ANNOUNCE_ENDS, ANNOUNCE_ALL };

enum tls_min { TLS_MIN_1_2, TLS_MIN_1_3 };

/* Which sessions a listener has. */
enum listener_session {
    LISTENER_AUTO, /* as the first bytes of a connection say */
    LISTENER_SYSLOG,
    LISTENER_RELP,
};

/* Whether a listener speaks TLS. */
enum tls_mode {
    TLS_OFF,
    TLS_REQUIRED,
    TLS_AUTO, /* with those that begin so; all others are plain */
};

struct limit_settings {
    uint32_t connections;          /* all together: 1 to PEERLOG_MAX_CONNECTIONS */
    uint32_t connections_per_peer; /* 0: no limit */
    uint32_t messages_per_second, messages_per_second_per_peer; /* 0: no limit */
    uint32_t idle_timeout_s;       /* seconds; 0: never */
    uint32_t handshake_timeout_s;  /* seconds */
    uint32_t keepalive_s;          /* seconds of silence until the first probe; 0: the kernel's */
    uint32_t write_timeout_s;      /* seconds */
};

/* Where a person, or a program, asks a daemon that runs. */
struct admin_settings {
    bool enabled;
    char path[SETTINGS_PATH_BYTES]; /* of the socket; "": in the runtime directory, if any */
    char group[PEERLOG_MAX_TAG_BYTES + 1]; /* that may ask; "": the daemon's own */
};

/* Where counters are scraped by TCP. */
struct metrics_settings {
    struct peer address;    /* port 0: nowhere */
    struct cidr_list allow; /* as of a listener */
    struct cidr_list deny;
};

/* Where settings come from: origins.h. */
struct setting_origins {
    struct setting_origin *all; /* owned */
    size_t count, room;
    const char *waiting[8]; /* names of those that wait for a restart */
    size_t waiting_count;
};

struct settings {
    struct listener_settings listeners[PEERLOG_MAX_LISTENERS];
    size_t listeners_count; /* at least 1 */
    uint32_t buffer_size;   /* longest message, in bytes */
    uint32_t workers;       /* 0: one for each CPU this process may use */
    uint8_t oversize;       /* enum oversize */
    uint8_t priority;       /* enum priority_mode */
    uint8_t highest_severity;
    uint8_t log_level;      /* of the daemon's own words: enum severity */
    struct output_settings output;
    struct limit_settings limits;
    struct admin_settings admin;
    struct metrics_settings metrics;
    struct setting_origins origins;
};

/*
 * Settings with every default, as if from an empty file.
 * Returns: 0, or -ENOMEM.
 * Owns:    the caller owns *ret_settings; release it with settings_free().
 */
int settings_new_default(struct settings **ret_settings);

/*
 * Leave out the listener of this address, before the settings are in force.
 * Returns: false when it is not there, or when it is the only one.
 */
bool settings_drop_listener(struct settings *settings, const struct peer *address);

/* Returns: how many files of the log may be open at once, beside a single one. */
uint32_t settings_open_files(const struct settings *settings);

/* Copy a list. Returns: 0, or -ENOMEM. Owns: the caller frees its ranges. */
int settings_copy_ranges(const struct cidr_list *list, struct cidr_list *ret_list);

/* Release settings; NULL is welcome. Returns: NULL. */
struct settings *settings_free(struct settings *settings);

#endif
