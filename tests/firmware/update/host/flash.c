// SPDX-License-Identifier: Apache-2.0
// NOR flash in a mapped file: erases to 0xFF, refuses to set bits, loses power on request.
#include "hal/board.h"
#include "hal/err.h"
#include "world.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POWER_LOST = 99 };

static uint8_t *cells;
void hal_wdt_feed(void) {
}

static uint32_t operations, cut_at;
static enum cut cut_how;

void flash_open(const char *path) {
    int fd = open(path, O_RDWR);
    cells = mmap((void *)(uintptr_t)WORLD_BASE, WORLD_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
    if (fd < 0 || cells != (uint8_t *)(uintptr_t)WORLD_BASE) {
        perror(path);
        exit(2);
    }
}

struct crash_record *world_crash(void) {
    return (struct crash_record *)(cells + WORLD_CRASH);
}

void flash_cut_at(uint32_t operation, enum cut how) {
    cut_at = operation;
    cut_how = how;
}

uint32_t flash_operations(void) {
    return operations;
}

// How much of an operation on `size` bytes happens, and whether the power goes then.
static uint32_t happens(uint32_t size) {
    operations++;
    if (operations != cut_at) {
        return size;
    }
    return cut_how == CUT_BEFORE ? 0 : cut_how == CUT_INSIDE ? size / 2 : size;
}

static const char *site = "", *caller = "";

// Called by the sources where they are compiled to tell it (tests/sim/sites.py).
void flash_site(const char *place, bool upper);
void flash_site(const char *place, bool upper) {
    *(upper ? &caller : &site) = place;
}

static void maybe_lose_power(void) {
    if (operations == cut_at) {
        printf("CUT %s %s\n", site, caller);
        fflush(stdout);
        _exit(POWER_LOST);
    }
}

static int do_read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    (void)f;
    memcpy(to, cells + offset, size);
    return 0;
}

static int do_program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size) {
    (void)f;
    uint32_t n = happens(size);
    for (uint32_t i = 0; i < size; i++) {
        if (cells[offset + i] != 0xFF) {
            fprintf(stderr, "programmed twice at %x\n", offset + i);
            abort();
        }
    }
    memcpy(cells + offset, from, n);
    maybe_lose_power();
    return 0;
}

static int do_erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    (void)f;
    memset(cells + offset, 0xFF, happens(block_size));
    maybe_lose_power();
    return 0;
}

static const struct hal_flash_ops ops = {do_read, do_program, do_erase};
static const struct hal_flash_region regions[] = {{WORLD_PARAMS / WORLD_BLOCK, WORLD_BLOCK}};
const struct hal_flash board_flash = {
    .ops = &ops,
    .regions = regions,
    .n_regions = 1,
    .size = WORLD_PARAMS,
    .program_bytes = 8,
    .erase_ms_max = 100,
    .base = WORLD_BASE,
    .erased_value = 0xFF,
};
const struct hal_layout board_layout = {
    .flash = &board_flash,
    .identity = {0, WORLD_BLOCK},
    .trust = {{0x1000, WORLD_BLOCK}, {0x2000, WORLD_BLOCK}},
    .journal = {{0x3000, WORLD_BLOCK}, {0x4000, WORLD_BLOCK}},
    .slot = {{WORLD_SLOT_A, WORLD_SLOT_BYTES}, {WORLD_SLOT_B, WORLD_SLOT_BYTES}},
};
