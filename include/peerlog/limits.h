/* SPDX-License-Identifier: MIT
 *
 * Every number that a peer, a file or a command line is measured against, but for what a protocol
 * fixes: that stands with the protocol. How the daemon paces itself stands where it does so.
 */
#ifndef PEERLOG_LIMITS_H
#define PEERLOG_LIMITS_H

/* buffer_size: the longest message, in bytes. */
#define PEERLOG_MIN_MESSAGE_BYTES 256u
#define PEERLOG_MAX_MESSAGE_BYTES 131072u
#define PEERLOG_DEFAULT_MESSAGE_BYTES 8192u

/* Octet counting (RFC 6587, section 3.4.1): digits of a count and its value. */
#define PEERLOG_MAX_COUNT_DIGITS 10u
#define PEERLOG_MAX_COUNT 16777216u

/* A message may outgrow its limit by its terminator: CR LF NUL. */
#define PEERLOG_TERMINATOR_BYTES 3u

/* How far the framer may have to look to know what a byte means, and what it then carries. */
#define PEERLOG_LOOKAHEAD_BYTES 29u
#define PEERLOG_CARRY_BYTES (PEERLOG_TERMINATOR_BYTES + PEERLOG_LOOKAHEAD_BYTES)

/* PRI (RFC 5424, section 6.2.1): "<" 1 to 3 digits ">", at most 191. */
#define PEERLOG_MAX_PRI_DIGITS 3u
#define PEERLOG_MAX_PRI 191u

/* Listeners in one configuration, and the longest tag. */
#define PEERLOG_MAX_LISTENERS 64u
#define PEERLOG_MAX_TAG_BYTES 32u

/* Listeners that connections came through, with those that are gone: places, and none of them. */
#define PEERLOG_LISTENER_PLACES 128u
#define PEERLOG_NO_LISTENER 255u

/* Worker threads. */
#define PEERLOG_MAX_WORKERS 128u

/* Connections at the same time. */
#define PEERLOG_DEFAULT_CONNECTIONS 8192u
#define PEERLOG_MAX_CONNECTIONS 1000000u

/* Descriptors beside those of connections: workers, listeners, lots, the ledger. */
#define PEERLOG_SPARE_DESCRIPTORS 256u

/* Files of the log that are open at most, of all workers together. */
#define PEERLOG_MAX_OPEN_FILES 1024u

/* Lines about begins and ends of connections in an interval, and how long that is, in seconds. */
#define PEERLOG_ANNOUNCE_LINES 50u
#define PEERLOG_ANNOUNCE_S 10u

/* Peers of which it is known when they spoke, and after how many seconds they may be silent. */
#define PEERLOG_SILENT_PEERS 8192u
#define PEERLOG_MAX_SILENT_AFTER_S 2678400u

/* Files: the largest max_bytes, and how many beside the one that is written. */
#define PEERLOG_MAX_FILE_BYTES 2147483647u
#define PEERLOG_DEFAULT_KEPT_FILES 10u
#define PEERLOG_MAX_KEPT_FILES 1000u

/* Other limits that a configuration may set. */
#define PEERLOG_MAX_MESSAGES_PER_SECOND 1000000u
#define PEERLOG_MAX_IDLE_TIMEOUT_S 604800u

/* How long a TLS handshake may take, in seconds. */
#define PEERLOG_DEFAULT_HANDSHAKE_TIMEOUT_S 10u
#define PEERLOG_MAX_HANDSHAKE_TIMEOUT_S 3600u

/* How long a client may leave its answers unread, in seconds. */
#define PEERLOG_DEFAULT_WRITE_TIMEOUT_S 60u
#define PEERLOG_MAX_WRITE_TIMEOUT_S 86400u

/* A list of texts in a configuration. */
#define PEERLOG_MAX_TEXTS 64u

/* Brokers: records in a message, messages on their way, and what a stream that is made may be. */
#define PEERLOG_MAX_PACK 1000u
#define PEERLOG_MAX_IN_FLIGHT 1024u
#define PEERLOG_MAX_REPLICAS 5u
#define PEERLOG_MAX_STREAM_MESSAGES 4294967295u
#define PEERLOG_MAX_STREAM_AGE_S 315360000u
#define PEERLOG_DEFAULT_DUPLICATE_WINDOW_S 600u

/* The configuration file: its size, and what is read of it. */
#define PEERLOG_MAX_SETTINGS_BYTES 1048576u
#define PEERLOG_MAX_RANGES 1024u
#define PEERLOG_MAX_FAULTS 1000u

/* The default address of daemon and client. */
#define PEERLOG_DEFAULT_ADDRESS "127.0.0.1"
#define PEERLOG_DEFAULT_PORT 8888u

/* TLS: records without text, weighed, that may precede those with text; what a change of keys
   weighs, since it costs as much as opening so many small records; and how much text makes up
   for one more of them. So who sends records that are full may change keys between any two. */
#define PEERLOG_TLS_MAX_BARREN 1024u
#define PEERLOG_TLS_UPDATE_WEIGHT 16u
#define PEERLOG_TLS_RELIEF_BYTES 512u

/* TLS 1.3: a key of ours seals so many records at most (RFC 8446, section 5.5: 2^24.5). */
#define PEERLOG_TLS_KEY_RECORDS 16777216u

/* peerlog: bytes of one read and one write; the longest tag (APP-NAME, RFC 5424). */
#define PEERLOG_CLIENT_CHUNK_BYTES 262144u
#define PEERLOG_CLIENT_MAX_TAG_BYTES 48u

/* peerlog --relp: messages without an answer, the longest message, bytes of answers in one read. */
#define PEERLOG_CLIENT_WINDOW 128u
#define PEERLOG_CLIENT_MAX_WINDOW 1000000u
#define PEERLOG_CLIENT_RELP_MESSAGE_BYTES 131072u
#define PEERLOG_CLIENT_ANSWERS_BYTES 16384u

/* peerlog: MSGID and the names of structured data (RFC 5424), all of the data, its elements. */
#define PEERLOG_CLIENT_MAX_NAME_BYTES 32u
#define PEERLOG_CLIENT_STRUCTURED_BYTES 4096u
#define PEERLOG_CLIENT_MAX_ELEMENTS 32u

/* peerlog: the least room for text in a message, so that a UTF-8 character fits. */
#define PEERLOG_CLIENT_MIN_TEXT_BYTES 4u

/* peerlog: patience in milliseconds, attempts, and the rest between two of them. */
#define PEERLOG_CLIENT_TIMEOUT_MS 10000u
#define PEERLOG_CLIENT_MAX_TIMEOUT_MS 86400000u
#define PEERLOG_CLIENT_MAX_RETRIES 1000000u
#define PEERLOG_CLIENT_RETRY_MIN_MS 100u
#define PEERLOG_CLIENT_RETRY_MAX_MS 5000u

/* Connections that wait in the kernel until they are accepted. */
#define PEERLOG_LISTEN_BACKLOG 4096

/* How long a lost output rests between two attempts to open it, in milliseconds. */
#define PEERLOG_REOPEN_MIN_MS 50u
#define PEERLOG_REOPEN_MAX_MS 1000u

/* An output that takes nothing for this long is said to be lost, in milliseconds. */
#define PEERLOG_STALL_MS 2000u

/* How long a stopping daemon goes on reading and delivering, in milliseconds. */
#define PEERLOG_STOP_MS 5000u

/* With sync = "second": when the disk is so late, in milliseconds, nothing more is written. */
#define PEERLOG_SYNC_LATE_MS 5000u

/* How long a file that is let go of may take to come to the disk, in milliseconds. */
#define PEERLOG_SYNC_END_MS 2000u

/* A connection that we want to end has this long to say goodbye itself, in seconds. */
#define PEERLOG_LEAVE_S 10u

/* How long a message may wait for its end, and what a pause of its peer is, in seconds. */
#define PEERLOG_DEFAULT_FLUSH_TIMEOUT_S 5u
#define PEERLOG_MAX_FLUSH_TIMEOUT_S 3600u
#define PEERLOG_PAUSE_S 1u

/* Seconds of silence until the kernel asks whether a peer is still there, how often it asks
   then, and how many answers may be missing. */
#define PEERLOG_DEFAULT_KEEPALIVE_S 120u
#define PEERLOG_MAX_KEEPALIVE_S 32767u
#define PEERLOG_PROBE_S 30
#define PEERLOG_PROBES 4

/* With messages_per_second a connection is read in small bites, in bytes. */
#define PEERLOG_SLOW_READ_BYTES 4096u

/* Refusals of one peer are reported once in this time, in seconds; of so many peers. */
#define PEERLOG_REPORT_S 60u
#define PEERLOG_REPORTED_PEERS 64u

#endif
