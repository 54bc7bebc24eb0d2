/* SPDX-License-Identifier: MIT
 *
 * Path templates: the name of a file with places for what is known of a message, such as
 * "/var/log/peerlog/%{address}/%Y-%m-%d.log". Whatever a value is, it stays one part of
 * one component: it begins no other, and leads to no folder above. Pure; any thread.
 */
#ifndef PEERLOG_PATH_TEMPLATE_H
#define PEERLOG_PATH_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

struct tm;

/* What may stand in a template beside plain text; "%%" is a percent sign. */
enum path_place {
    PATH_ADDRESS,  /* %{address} */
    PATH_LISTENER, /* %{listener} */
    PATH_FACILITY, /* %{facility} */
    PATH_SEVERITY, /* %{severity} */
    PATH_YEAR,     /* %Y */
    PATH_MONTH,    /* %m */
    PATH_DAY,      /* %d */
    PATH_HOUR,     /* %H */
    PATH_PLACES,
};

/* Room for every path that a template can become, and its NUL. */
#define PATH_TEMPLATE_ROOM 4096u

/* A template that was checked. */
struct path_template {
    const char *text;    /* the caller's, which must outlive it */
    uint32_t folder_len; /* the beginning that is the same for all: up to a "/" and with it */
    uint32_t uses;       /* a bit for each enum path_place that it has */
    uint32_t name_bytes; /* the most that the file's name without its folders can have */
};

/* What is wrong with a template, and where. */
struct path_fault {
    size_t position;    /* of the byte, from 1 */
    const char *reason; /* "two slashes in a row" */
};

/* What goes into the places. Texts are not NULL. */
struct path_values {
    const char *address;  /* as peer_format_address() writes it */
    const char *listener; /* its tag */
    const char *facility;
    const char *severity;
    const struct tm *time;
};

/*
 * Check a template: absolute, every place known, no component empty, "." or "..", and none
 * that could become longer than 255 bytes.
 * Returns: 0, or -EINVAL with *ret_fault set (*ret_template is untouched).
 */
int path_template_parse(const char *text, struct path_template *ret_template,
                        struct path_fault *ret_fault);

/*
 * Write the path for VALUES to DST, with a NUL. In a value "/", space and what is not
 * printable ASCII become "_", and so do all characters of one that has only dots; an
 * empty value is "_".
 * Returns: the path's length; or -ENAMETOOLONG when it does not fit into ROOM, which cannot
 *          be with PATH_TEMPLATE_ROOM and values that are what they should be.
 */
int path_template_expand(const struct path_template *template, const struct path_values *values,
                         char *dst, size_t room);

#endif
