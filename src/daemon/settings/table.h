/* SPDX-License-Identifier: MIT
 *
 * The one table of all settings: name, kind, range, default, unit and destination.
 * The reader of the file follows it; the sample file and the manual page are tested
 * against it. It knows nothing of the file's syntax.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_TABLE_H
#define PEERLOG_DAEMON_SETTINGS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;

enum setting_kind {
    SETTING_NUMBER,  /* an integer, min to max */
    SETTING_SWITCH,  /* true or false */
    SETTING_WORD,    /* one of words; its number is stored */
    SETTING_TAG,     /* text: the name in front of each message */
    SETTING_PATH,    /* text: the absolute path of a socket, or of a file */
    SETTING_MODE,    /* text: octal digits, the permissions of a file */
    SETTING_ADDRESS, /* text: a numeric address; into a struct peer, its port apart */
    SETTING_TEXTS,   /* a list of texts; into a struct text_list */
    SETTING_RANGES,  /* a list of texts in CIDR form; into a struct cidr_list */
    SETTING_GROUP,   /* { }: the settings of another group */
    SETTING_GROUPS,  /* ( { }, ... ): several of them; the listeners */
};

/* The words a setting may have, by the number each stands for: 0 to count - 1. */
struct setting_words {
    unsigned count;
    const char *(*name)(unsigned number);
    int (*number)(const char *name); /* other spellings too; NULL: there are none */
};

struct setting_rule {
    const char *name;
    enum setting_kind kind;
    uint32_t min;            /* SETTING_NUMBER */
    uint32_t max;            /* SETTING_NUMBER */
    uint32_t initial;        /* default of a number, a switch or a word */
    const char *initial_text; /* default of a text */
    bool inherited;          /* unless set, it is what the output says */
    const char *unit;        /* "bytes", "seconds"; may be NULL */
    const struct setting_words *words; /* SETTING_WORD */
    const struct setting_group *group; /* SETTING_GROUP and SETTING_GROUPS */
    size_t offset;           /* of the destination, in the structure of its group */
    size_t size;             /* of the destination, in bytes */
};

/* What the reader of the file has to do when a group of settings is whole. */
enum setting_finish {
    FINISH_NOTHING,
    FINISH_OUTPUT,   /* its path, and what others inherit from it */
    FINISH_LISTENER, /* what does not go together, and its certificates */
    FINISHES,
};

struct setting_group {
    const char *name;  /* as in the file; "" for the file itself */
    const struct setting_rule *rules;
    size_t count;
    enum setting_finish finish;
};

/* The settings of the file itself, whose destination is a struct settings. */
const struct setting_group *settings_table(void);

/* The setting of this name. Returns: NULL when there is none. */
const struct setting_rule *setting_find(const struct setting_group *group, const char *name);

/*
 * The number a word stands for, without regard to case.
 * Returns: the number, or -EINVAL.
 */
int setting_word_number(const struct setting_words *words, const char *name);

/* Put a number, a switch or a word into its place in BASE, the group's structure. */
void setting_store_number(const struct setting_rule *rule, void *base, uint32_t number);

/* Put a text that is known to fit into its place in BASE. */
void setting_store_text(const struct setting_rule *rule, void *base, const char *text);

/* Put an address into its place in BASE; the port that is there stays. */
void setting_store_address(const struct setting_rule *rule, void *base,
                           const struct peer *address);

/*
 * Put the defaults of a group, and of the groups in it, into its structure. Of several
 * listeners it is the first. Lists of ranges are left alone.
 */
void setting_group_init(const struct setting_group *group, void *base);

/* What settings and messages call a type of outputs. */
struct output_words {
    const char *name;
    const char *path;         /* unless one is set; "": it has none */
    const char *module;       /* that it is in; NULL: in none */
    const char *before_path;  /* where it writes to, in words: these, the place, */
    const char *behind_path;  /* and these; NULL: no place is named */
};

/* The words of a type (enum output_type). */
const struct output_words *output_words_of(unsigned type);

#endif
