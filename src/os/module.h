/* SPDX-License-Identifier: MIT
 *
 * Modules: parts that bring large libraries with them (OpenSSL), in shared objects of their own. A
 * daemon that does not need one does not load it, nor its libraries: dlopen(3). A module uses the
 * program's own functions, so both are of one build.
 */
#ifndef PEERLOG_OS_MODULE_H
#define PEERLOG_OS_MODULE_H

/*
 * The address of SYMBOL in the module peerlogd-NAME.so, which is loaded when it was not before and
 * stays. It is looked for in $PEERLOGD_MODULES, where it is installed, and beside the program.
 * Returns: NULL with words in *ret_why, which stay until the next call.
 * Threads: main.  Blocks: reads files, the first time.
 */
const void *module_symbol(const char *name, const char *symbol, const char **ret_why);

#endif
