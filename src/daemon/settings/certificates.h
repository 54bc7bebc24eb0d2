/* SPDX-License-Identifier: MIT
 *
 * Certificates of listeners come out of the module of TLS, which is loaded when one is wanted.
 */
#ifndef PEERLOG_DAEMON_SETTINGS_CERTIFICATES_H
#define PEERLOG_DAEMON_SETTINGS_CERTIFICATES_H

struct tls_context_functions;

/* Returns: what the module can do; NULL with *ret_why when it cannot be had. Threads: main. */
const struct tls_context_functions *certificates_functions(const char **ret_why);

#endif
