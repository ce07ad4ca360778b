// SPDX-License-Identifier: Apache-2.0
// The checks in front of flash drivers, over a part with unequal blocks, ECC faults and weak cells.
// sources: hal/flash.c
#include "check.h"
#include "hal/err.h"
#include "hal/flash.h"

enum { SIZE = 4 * 64 + 2 * 256, UNIT = 8, SICK = 200 };

static uint8_t cells[SIZE];
static int32_t sick = -1;  // reading over this offset gives ERR_ECC
static bool weak;          // programming leaves a bit as it was
static uint32_t last_size; // of the last driver call

static int read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    (void)f;
    if (sick >= (int32_t)offset && sick < (int32_t)(offset + size)) {
        return ERR_ECC;
    }
    memcpy(to, cells + offset, size);
    return 0;
}

static int program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size) {
    (void)f;
    memcpy(cells + offset, from, size);
    cells[offset + size - 1] |= weak;
    last_size = size;
    return 0;
}

static int erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    memset(cells + offset, f->erased_value, block_size);
    cells[offset] ^= weak;
    last_size = block_size;
    return 0;
}

static const struct hal_flash_ops ops = {.read = read, .program = program, .erase = erase};
static const struct hal_flash_region regions[] = {{4, 64}, {2, 256}};
static const struct hal_flash flash = {
    .ops = &ops,
    .regions = regions,
    .n_regions = 2,
    .size = SIZE,
    .program_bytes = UNIT,
    .erased_value = 0xFF,
};

static void block_is(uint32_t offset, uint32_t start, uint32_t size) {
    uint32_t is_start;
    uint32_t is_size;
    CHECK(hal_flash_block(&flash, offset, &is_start, &is_size) == 0);
    CHECK(is_start == start && is_size == size);
}

static void blocks(void) {
    block_is(0, 0, 64);
    block_is(63, 0, 64);
    block_is(64, 64, 64);
    block_is(255, 192, 64);
    block_is(256, 256, 256);
    block_is(SIZE - 1, 512, 256);
    uint32_t unused;
    CHECK(hal_flash_block(&flash, SIZE, &unused, &unused) == ERR_RANGE);
    CHECK(hal_flash_block(&flash, UINT32_MAX, &unused, &unused) == ERR_RANGE);
}

static void erasing(void) {
    for (uint32_t at = 0; at < SIZE; at += at < 256 ? 64 : 256) {
        CHECK(hal_flash_erase(&flash, at) == 0);
        CHECK(last_size == (at < 256 ? 64 : 256));
    }
    CHECK(hal_flash_erase(&flash, 32) == ERR_RANGE);
    CHECK(hal_flash_erase(&flash, 320) == ERR_RANGE);
    CHECK(hal_flash_erase(&flash, SIZE) == ERR_RANGE);
    weak = true;
    CHECK(hal_flash_erase(&flash, 0) == ERR_IO);
    weak = false;
    CHECK(hal_flash_erase(&flash, 0) == 0);
}

static void programming(void) {
    uint8_t data[80];
    memset(data, 0x5A, sizeof(data));
    CHECK(hal_flash_program(&flash, 8, data, 72) == 0);
    CHECK(hal_flash_program(&flash, 72, data, UNIT) == ERR_IO); // written before
    CHECK(hal_flash_program(&flash, 80, data, 0) == 0);
    CHECK(hal_flash_program(&flash, 84, data, UNIT) == ERR_RANGE);
    CHECK(hal_flash_program(&flash, 80, data, 4) == ERR_RANGE);
    CHECK(hal_flash_program(&flash, SIZE - UNIT, data, 2 * UNIT) == ERR_RANGE);
    CHECK(hal_flash_program(&flash, 0xFFFFFFF8, data, 16) == ERR_RANGE);
    weak = true;
    CHECK(hal_flash_program(&flash, 88, data, UNIT) == ERR_IO); // read back shows it
    weak = false;
}

static void reading(void) {
    uint8_t data[100];
    CHECK(hal_flash_read(&flash, 8, data, 72) == 0 && data[0] == 0x5A && data[71] == 0x5A);
    CHECK(hal_flash_read(&flash, SIZE, data, 0) == 0);
    CHECK(hal_flash_read(&flash, SIZE, data, 1) == ERR_RANGE);
    CHECK(hal_flash_read(&flash, 1, data, UINT32_MAX) == ERR_RANGE);
    CHECK(hal_flash_is_blank(&flash, 96, 160) == 1);
    CHECK(hal_flash_is_blank(&flash, 79, 100) == 0);
    sick = SICK;
    CHECK(hal_flash_read(&flash, SICK - 1, data, 4) == ERR_ECC);
    CHECK(hal_flash_is_blank(&flash, 128, 128) == 0); // not surely
    CHECK(hal_flash_program(&flash, SICK, data, UNIT) == ERR_IO);
    CHECK(hal_flash_is_blank(&flash, SIZE, 1) == ERR_RANGE);
}

int main(void) {
    memset(cells, 0, sizeof(cells));
    blocks();
    erasing();
    programming();
    reading();
    return 0;
}
