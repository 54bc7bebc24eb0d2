/* SPDX-License-Identifier: MIT
 *
 * What is wrong with certificates of listeners, or soon will be, and keeps clients away: their
 * dates, keys, names and uses, and who can read a key. Without TLS there is nothing to judge.
 */
#ifndef PEERLOG_DAEMON_ADVICE_CERTIFICATES_H
#define PEERLOG_DAEMON_ADVICE_CERTIFICATES_H

#include <stdint.h>

#include "daemon/advice/advice.h"
#include "daemon/settings/settings.h"

/* What is known of the machine and the moment. */
struct certificate_setting {
    int64_t now_s;    /* since 1970 */
    const char *host; /* its name, as the kernel has it; only one with a dot is compared */
};

/* Warn of certificates that end soon, do not fit, or are too weak. Blocks: for the keys' files. */
void advice_judge_certificates(const struct settings *settings,
                               const struct certificate_setting *around, warning_fn *warn,
                               void *context);

/* Tell until when each certificate is good. */
void advice_tell_certificates(const struct settings *settings, warning_fn *tell, void *context);

#endif
