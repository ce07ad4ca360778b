// SPDX-License-Identifier: Apache-2.0
// The whole test framework of host tests in C: a test is a program that returns 0, and CHECK ends
// it.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What CHECK prints besides the condition, e.g. the vector at hand.
static const char *check_context = "";

static inline void check_failed(const char *file, int line, const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: CHECK(%s) %s\n", file, line, what, check_context);
    exit(1);
}

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

// The same for a result that should have been a certain number; prints both.
#define CHECK_EQUAL(is, should) check_equal(__FILE__, __LINE__, #is, (long long)(is), (should))

static inline void check_equal(const char *file, int line, const char *what, long long is,
                               long long should) {
    if (is != should) {
        fprintf(stderr, "%s is %lld, not %lld\n", what, is, should);
        check_failed(file, line, what);
    }
}

static inline bool check_same(const void *a, const void *b, size_t size) {
    return size == 0 || memcmp(a, b, size) == 0;
}

// Deterministic random numbers (xorshift), so that a failure can be repeated.
static inline uint32_t check_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}
