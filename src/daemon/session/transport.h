/* SPDX-License-Identifier: MIT
 *
 * Transports: how the bytes of a stream travel through a socket. A kind receives the wire's
 * bytes into the ledger's inbox and, where wire and stream are not the same, opens them: a pure
 * function of its state before and of the bytes, so that a replay opens them to the same.
 *
 * Everything is called by the worker that owns the connection; nothing blocks.
 */
#ifndef PEERLOG_DAEMON_SESSION_TRANSPORT_H
#define PEERLOG_DAEMON_SESSION_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ledger/connections.h"
#include "daemon/settings/snapshot.h"

struct preface;

enum received {
    RECEIVED_NOTHING, /* there is nothing to read now */
    RECEIVED_BYTES,   /* of the wire, *ret_len of them */
    RECEIVED_END,     /* the peer has ended its stream in good order */
    RECEIVED_RESET,   /* the connection is broken: what came before it is all there is */
};

/* How a connection ends, as its peer sees it. */
enum transport_end {
    TRANSPORT_ENDS_WELL, /* all that it said is logged: a receipt */
    TRANSPORT_BREAKS,    /* not all of it is */
};

enum established {
    ESTABLISHED,       /* it can be read from now on */
    ESTABLISHES,       /* it is the peer's turn; or ours, in the next turn of the worker */
    ESTABLISHES_WRITES, /* there is more to write than the socket takes now */
    ESTABLISH_FAILED,  /* it is to be ended; that was said, where it has to be */
};

/* What establishing a connection needs of its worker. */
struct establishing {
    const struct snapshot *snapshot;
    struct preface *preface;
    _Atomic uint64_t *counters;
    bool ended;          /* no more will come than what is there */
    unsigned signatures; /* that may be made in this turn; they take long */
};

enum opened {
    OPENED_SO_FAR, /* the stream goes on */
    OPENED_END,    /* it has ended in good order */
    OPENED_BROKEN, /* what follows cannot be had */
};

/* The wire's bytes of one segment, and where those of the stream go: as many at most, and slack. */
struct transport_opening {
    void **tools;                  /* the caller's, by equip() */
    struct transport_state *state; /* before; it moves on */
    const unsigned char *wire;
    size_t wire_bytes;
    unsigned char *text;
    size_t room;   /* TRANSPORT_SLACK_BYTES more than the wire has */
    size_t taken;  /* set: of the wire; the rest is carried */
    size_t opened; /* set: of the stream */
};

#define TRANSPORT_SLACK_BYTES (LEDGER_WIRE_BYTES + 256u)

struct transport_kind {
    const char *name;

    /*
     * Make the *TOOLS that inherit() and open() need, if they are not there. NULL: they need none.
     * Returns: 0; -ENOMEM: do neither of the two now, but try again; or another negative errno: do
     *          them, and they fail.
     */
    int (*equip)(void **tools);

    /* Answers: is a parked copy of the socket of use to the next process? */
    bool (*survives)(const struct connections *table, uint32_t slot);

    /*
     * Take on an inherited one that survives, before its bytes in hand are opened. Answers: can it
     * go on? Threads: main, at start. NULL: it can.
     */
    bool (*inherit)(struct connections *table, uint32_t slot, void **tools);

    /* Do what comes before the stream, as far as it goes. NULL: nothing does. */
    enum established (*establish)(struct connections *table, uint32_t slot,
                                  struct establishing *with);

    /* Answers: has it done what comes before the stream? NULL: there is nothing to do. */
    bool (*is_established)(const struct connections *table, uint32_t slot);

    /* Read what has come, at most ROOM bytes of the wire. */
    enum received (*receive)(struct connections *table, uint32_t slot, void *dst, size_t room,
                             size_t *ret_len);

    /* Make the stream's bytes of the wire's; pure. NULL: they are the same. */
    enum opened (*open)(struct transport_opening *opening);

    /* How many bytes write() would take now; 0: none, until it is writable. */
    size_t (*room)(const struct connections *table, uint32_t slot);

    /*
     * Write to the peer, all or nothing: no more than room() has just answered.
     * Returns: 0; -EAGAIN: wait until it is writable; or another negative errno: it is broken.
     */
    int (*write)(struct connections *table, uint32_t slot, const void *bytes, size_t len);

    /*
     * Everything that was read is in the log: answer for the transport itself. NULL: no need.
     * Returns: 0 when it owes nothing any more, so that the next write is the caller's bytes alone;
     *          -EAGAIN: wait until it is writable; or another negative errno: it is broken.
     */
    int (*committed)(struct connections *table, uint32_t slot);

    /* Answers: is there something to open although nothing more has come? NULL: never. */
    bool (*pending)(const struct connections *table, uint32_t slot);

    /* Name what protects the stream, for the log; constants. NULL: nothing does. */
    void (*describe)(const struct connections *table, uint32_t slot, const char **ret_version,
                     const char **ret_cipher);

    /* Say that nothing more will be said; the socket is shut down after it. NULL: that says it. */
    void (*say_goodbye)(struct connections *table, uint32_t slot);

    /*
     * Say the last word, and close the socket. PARKED: a copy of it is held elsewhere, so that
     * closing alone tells the peer nothing.
     */
    void (*end)(struct connections *table, uint32_t slot, enum transport_end how, bool parked);
};

extern const struct transport_kind transport_plain;

/* What the module of TLS brings; its symbol is transport_module. */
struct transport_module {
    const struct transport_kind *tls;
    const struct transport_kind *automatic; /* plain or TLS */
    void (*tools_free)(void *tools);
};

/* How connections of a listener begin; NULL: one that is not known. Returns: enum transport_id. */
uint8_t transport_wanted(const struct listener_settings *listener);

/* Load what the listeners of SETTINGS need, before they are listened on. Threads: main. */
void transport_prepare(const struct settings *settings);

/* Release what open() and establish() have made of a worker's *TOOLS. */
void transport_tools_free(void *tools);

/*
 * Answers: can there be connections of that kind? Its module is loaded if need be.
 * Threads: main, before connections can be of that kind.
 */
bool transport_exists(uint8_t id);

/* The kind of a connection. */
const struct transport_kind *transport_of(const struct connections *table, uint32_t slot);

/* What people call it, by its number; a constant. Threads: any, once a connection has it. */
const char *transport_name(unsigned id);

#endif
