/* SPDX-License-Identifier: MIT
 *
 * Fuzz: the one function that each fuzzer offers. libFuzzer calls it with inputs of its
 * own making, replay_main.c with the files of the corpus. It ends the program when it
 * finds something, and depends on nothing but its input.
 */
#ifndef PEERLOG_TESTS_FUZZ_H
#define PEERLOG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns: 0, always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
