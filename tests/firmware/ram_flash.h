// SPDX-License-Identifier: Apache-2.0
// Flash in RAM for host tests: blocks of one size, and a layout whose areas are a block each.
#pragma once
#include "check.h"
#include "hal/flash.h"

enum {
    RAM_BLOCKS = 6,
    RAM_BLOCK_BYTES_MAX = 16 * 512,
    RAM_JOURNAL = 0, // two blocks
    RAM_TRUST = 2,   // two blocks
    RAM_IDENTITY = 4,
};

static uint8_t ram_cells[RAM_BLOCKS * RAM_BLOCK_BYTES_MAX];
static struct hal_flash_region ram_region;
static struct hal_flash ram_flash;
static struct hal_layout ram_layout;

static inline int ram_read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    (void)f;
    memcpy(to, ram_cells + offset, size);
    return 0;
}

static inline int ram_program(const struct hal_flash *f, uint32_t offset, const void *from,
                              uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        CHECK(ram_cells[offset + i] == f->erased_value); // each unit once between erases
    }
    memcpy(ram_cells + offset, from, size);
    return 0;
}

static inline int ram_erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    memset(ram_cells + offset, f->erased_value, block_size);
    return 0;
}

// All erased.
static inline void ram_flash_make(uint32_t block_bytes, uint32_t program_bytes, uint8_t erased) {
    static const struct hal_flash_ops ops = {ram_read, ram_program, ram_erase};
    CHECK(block_bytes <= RAM_BLOCK_BYTES_MAX);
    ram_region = (struct hal_flash_region){RAM_BLOCKS, block_bytes};
    ram_flash = (struct hal_flash){.ops = &ops,
                                   .regions = &ram_region,
                                   .n_regions = 1,
                                   .size = RAM_BLOCKS * block_bytes,
                                   .program_bytes = program_bytes,
                                   .erase_ms_max = 1,
                                   .erased_value = erased};
    struct hal_area area[RAM_BLOCKS];
    for (uint32_t i = 0; i < RAM_BLOCKS; i++) {
        area[i] = (struct hal_area){i * block_bytes, block_bytes};
    }
    ram_layout = (struct hal_layout){.flash = &ram_flash,
                                     .identity = area[RAM_IDENTITY],
                                     .trust = {area[RAM_TRUST], area[RAM_TRUST + 1]},
                                     .journal = {area[RAM_JOURNAL], area[RAM_JOURNAL + 1]}};
    memset(ram_cells, erased, RAM_BLOCKS * block_bytes);
}
