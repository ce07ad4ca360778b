// SPDX-License-Identifier: Apache-2.0
// Everything in an image that holds an address, checked in whichever slot it runs.
#include "features.h"
#include "hal/arch.h"
#include "hal/board.h"
#include "os/boot.h"
#include "os/heap.h"
#include "os/log.h"
#include "os/panic.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static uint32_t times_called;
static volatile uint32_t seven = 7; // unknown to the compiler

RAM_FUNCTION static uint32_t in_ram(uint32_t n) {
    times_called += n;
    return (uint32_t)(uintptr_t)&in_ram;
}

bool features_ram_function(void) {
    times_called = 0;
    uint32_t at = in_ram(seven) & ~1U;
    return times_called == 7 && at >= (uintptr_t)hal_stack_start && at < (uintptr_t)hal_retained &&
           in_ram(1) == (uint32_t)(uintptr_t)&in_ram;
}

static uint32_t add(uint32_t a, uint32_t b) {
    return a + b;
}

static uint32_t subtract(uint32_t a, uint32_t b) {
    return a - b;
}

static uint32_t multiply(uint32_t a, uint32_t b) {
    return a * b;
}

static uint32_t (*const operations[])(uint32_t, uint32_t) = {add, subtract, multiply};

bool features_function_table(void) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 3 + seven - 7; i++) {
        sum = sum * 100 + operations[i](seven, 3);
    }
    return sum == 100421;
}

// Not inlined, values without a pattern: the compiler makes a jump table of code.
__attribute__((noinline)) static uint32_t by_switch(uint32_t key, uint32_t value) {
    switch (key) {
    case 0:
        return value + 11;
    case 1:
        return value * 7;
    case 2:
        return value ^ 0x55;
    case 3:
        return value << 3;
    case 4:
        return value - 5;
    case 5:
        return ~value;
    case 6:
        return value / 3;
    case 7:
        return add(value, seven);
    default:
        return 0;
    }
}

bool features_switch_table(void) {
    uint32_t sum = 0;
    for (uint32_t key = 0; key < 9; key++) {
        sum += by_switch(key, seven + key);
    }
    return sum == 18 + 56 + (9 ^ 0x55) + 80 + 6 + ~12U + 4 + 21;
}

static const char *words[] = {"one", "two", "three"}; // pointers in .data to .rodata
static const char **last_word = &words[2];            // from .data to .data
static uint32_t (*operation)(uint32_t, uint32_t) = subtract;

bool features_data_pointers(void) {
    words[1] = words[0];
    return strcmp(*last_word, "three") == 0 && strcmp(words[1], "one") == 0 &&
           operation(seven, 3) == 4;
}

// Alignment beyond what the linker script pads to.
static volatile uint32_t aligned[3] __attribute__((aligned(64))) = {1, 2, 3};

static bool aligned_data_works(void) {
    return ((uintptr_t)aligned & 63) == 0 && aligned[0] == 1 && aligned[2] == 3;
}

static _Thread_local volatile uint32_t local = 0x1234;
static _Thread_local volatile uint32_t local_zero;

static bool thread_local_works(void) {
    local_zero += local;
    errno = 0;
    unsigned long most = strtoul("99999999999999999999", NULL, 10);
    return local == 0x1234 && local_zero == 0x1234 && most == ULONG_MAX && errno == ERANGE;
}

static bool heap_works(void) {
    char *a = os_alloc(100);
    char *b = os_alloc(200);
    bool apart = a != NULL && b != NULL && (a + 100 <= b || b + 200 <= a);
    os_free(a);
    os_free(b);
    struct os_heap_stats stats;
    os_heap_stats(&stats);
    return apart && stats.largest_free > stats.size / 4 * 3 && stats.peak > stats.used;
}

static void check(const char *what, bool works) {
    if (!works) {
        LOG("%s does not work", what);
        os_panic("a feature does not work");
    }
}

int main(void) {
    check("RAM function", features_ram_function());
    check("function table", features_function_table());
    check("switch table", features_switch_table());
    check("pointers in .data", features_data_pointers());
    check("virtual calls", features_virtual_calls());
    check("constructors", features_constructors());
    check("aligned data", aligned_data_works());
    check("thread-local storage", thread_local_works());
    check("heap", heap_works());
    LOG("features ok, slot %c, body at %08x", "AB"[os_handover()->slot],
        (uint32_t)(uintptr_t)hal_body_start);
    return 0;
}
