/* SPDX-License-Identifier: MIT
 *
 * RELP frames: "TXNR SP COMMAND SP LENGTH [SP DATA] LF". Pull style and pure, for both ends
 * of a session: no descriptor, allocation, clock or log; any thread.
 *
 * Two ways to read. relp_parse_header() looks at the front of a buffer and keeps nothing. A
 * reader walks through views of a stream with a small plain state between them, and gives
 * out the data of each frame in pieces as it comes; what is left of a view is the
 * beginning of a header, which the caller carries to the front of the next.
 *
 * The frames do not depend on how the stream was cut into views; the pieces do.
 */
#ifndef PEERLOG_RELP_H
#define PEERLOG_RELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the protocol fixes: numbers of 1 to 9 digits, commands of 1 to 32 letters. */
#define RELP_MAX_DIGITS 9u
#define RELP_MAX_TXNR 999999999u
#define RELP_MAX_DATA_BYTES 999999999u
#define RELP_MAX_COMMAND_BYTES 32u

/* The longest header: two numbers, a command, and a space behind each. */
#define RELP_MAX_HEADER_BYTES (2u * (RELP_MAX_DIGITS + 1u) + RELP_MAX_COMMAND_BYTES + 1u)

/* The code of an answer that takes responsibility for a message. */
#define RELP_CODE_OK 200u

enum relp_command {
    RELP_COMMAND_OTHER, /* a well-formed name that is none of these */
    RELP_COMMAND_OPEN,
    RELP_COMMAND_CLOSE,
    RELP_COMMAND_SYSLOG,
    RELP_COMMAND_RSP,
    RELP_COMMAND_SERVERCLOSE,
};

/* Why a stream holds no frame; nothing behind that place can be understood. */
enum relp_fault {
    RELP_FAULT_NONE,
    RELP_FAULT_TXNR,    /* no transaction number */
    RELP_FAULT_COMMAND, /* no command */
    RELP_FAULT_LENGTH,  /* no length of the data */
    RELP_FAULT_END,     /* no LF where the frame must end */
};

/* The fault in words, for "a malformed RELP frame: ...". */
const char *relp_fault_describe(enum relp_fault fault);

struct relp_header {
    uint32_t txnr;         /* 0 to RELP_MAX_TXNR */
    uint32_t data_bytes;   /* 0 to RELP_MAX_DATA_BYTES */
    uint32_t header_bytes; /* up to the data, or up to the LF if there is none */
    uint32_t command_at;   /* where the command's name begins, and */
    uint32_t command_bytes;
    enum relp_command command;
};

enum relp_result {
    RELP_NEED_MORE, /* nothing more can be said about these bytes */
    RELP_READ,      /* a header, or a piece */
    RELP_MALFORMED, /* *ret_fault, or reader->fault, says why */
};

/*
 * Read the header at the front of a buffer. On RELP_READ the frame is header_bytes,
 * data_bytes, and one LF, which the caller must check. RELP_NEED_MORE needs fewer than
 * RELP_MAX_HEADER_BYTES; no byte is judged before it is there, and none later.
 */
enum relp_result relp_parse_header(const unsigned char *bytes, size_t len,
                                   struct relp_header *ret_header, enum relp_fault *ret_fault);

/*
 * What is remembered of one stream between two views: plain data, all zero at its start.
 * A state from elsewhere (an inherited ledger) must pass relp_state_valid().
 */
struct relp_state {
    uint32_t txnr;       /* of the frame that is open */
    uint32_t data_bytes; /* of all its data, and */
    uint32_t left;       /* of what is still to come */
    uint8_t command;     /* enum relp_command */
    uint8_t phase;       /* enum relp_phase, private */
    uint8_t fault;       /* enum relp_fault, once the stream is malformed */
    uint8_t reserved;    /* 0 */
};

/* A piece of a frame, which is well-formed as a whole only once its last piece is out. */
struct relp_piece {
    const unsigned char *data; /* into the view */
    uint32_t len;              /* only a first or a last piece may be empty */
    uint32_t txnr;
    uint32_t data_bytes; /* of the whole frame */
    enum relp_command command;
    bool first; /* the frame begins */
    bool last;  /* and ends, its LF included */
};

/* One pass over one view. Place it anywhere; nothing needs to be released. */
struct relp_reader {
    struct relp_state *state;
    const unsigned char *at;  /* the first byte not yet given out */
    const unsigned char *end; /* behind the last byte of the view */
    enum relp_fault fault;    /* after RELP_MALFORMED */
};

/*
 * Open a view: what was carried, followed by fresh bytes.
 * Owns: nothing; STATE and BYTES must outlive the view.
 */
void relp_begin(struct relp_reader *r, struct relp_state *state, const unsigned char *bytes,
                size_t len);

/*
 * The next piece of the view. After RELP_NEED_MORE the bytes from r->at to r->end are
 * to be carried, fewer than RELP_MAX_HEADER_BYTES. RELP_MALFORMED is for ever.
 */
enum relp_result relp_next(struct relp_reader *r, struct relp_piece *ret_piece);

/*
 * Answers: is this a state that relp_next() can have left, with CARRY bytes carried?
 * If so, any bytes may follow; if not, it must not be used.
 */
bool relp_state_valid(const struct relp_state *state, size_t carry);

/* Answers: is the stream in the middle of a frame, with CARRY bytes carried? */
bool relp_state_open(const struct relp_state *state, size_t carry);

/* The transaction number that follows TXNR: 1 follows the last. */
uint32_t relp_txnr_after(uint32_t txnr);

/*
 * Write the header of a frame with DATA_BYTES of data to DST, without a NUL; the data and
 * one LF go behind it. COMMAND is not RELP_COMMAND_OTHER.
 * Returns: its length, at most RELP_MAX_HEADER_BYTES.
 */
size_t relp_write_header(char *dst, uint32_t txnr, enum relp_command command, uint32_t data_bytes);

/* What a "rsp" frame says: "200 OK", and for an "open" the offers behind an LF. */
struct relp_answer {
    unsigned code;    /* 0 to 999 */
    const char *text; /* behind the code, up to an LF; not terminated */
    size_t text_len;
};

/*
 * Read the data of a "rsp" frame. Answers: does it begin with a code of three digits?
 * Owns: nothing; ret_answer->text lies in DATA.
 */
bool relp_parse_answer(const unsigned char *data, size_t len, struct relp_answer *ret_answer);

#endif
