// SPDX-License-Identifier: Apache-2.0
// The flash contract (hal/flash.h) on the board's real driver: in the storage area, and in the slot
// that is free, which on some boards shares its bank with the code that runs.
#include "hal/arch.h"
#include "hal/board.h"
#include "hal/err.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/panic.h"
#include "os/time.h"
#include <string.h>

enum { PIECE_BYTES = 10240, SPEED_BYTES = 512 * 1024 };

static uint8_t piece[PIECE_BYTES + 4];
static uint8_t copy[PIECE_BYTES];

static void check(bool works, const char *what) {
    if (!works) {
        LOG("broken: %s", what);
        os_panic("flash contract broken");
    }
}

static void fill(uint8_t *to, uint32_t size, uint32_t seed) {
    for (uint32_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        to[i] = (uint8_t)(seed >> 24);
    }
}

static bool reads(const struct hal_flash *f, uint32_t offset, const void *with, uint32_t size) {
    return hal_flash_read(f, offset, copy, size) == 0 && memcmp(copy, with, size) == 0;
}

static void check_geometry(const struct hal_flash *f, uint32_t at) {
    uint32_t start;
    uint32_t size;
    check(hal_flash_block(f, at + 1, &start, &size) == 0 && start == at && size > 1, "block");
    check(hal_flash_block(f, f->size - 1, &start, &size) == 0 && start + size == f->size, "last");
    check(hal_flash_block(f, f->size, &start, &size) == ERR_RANGE, "no block behind the end");
    check(hal_flash_read(f, f->size - 4, copy, 8) == ERR_RANGE, "read across the end");
    check(hal_flash_read(f, UINT32_MAX - 3, copy, 8) == ERR_RANGE, "read that wraps");
    check(hal_flash_erase(f, at + f->program_bytes) == ERR_RANGE, "erase inside a block");
    check(hal_flash_program(f, at + 1, piece, f->program_bytes) == ERR_RANGE, "odd offset");
    check(hal_flash_program(f, at, piece, f->program_bytes + 1) == ERR_RANGE, "odd size");
    check(hal_flash_program(f, f->size, piece, f->program_bytes) == ERR_RANGE, "behind the end");
    check(hal_flash_is_blank(f, f->size - 4, 8) == ERR_RANGE, "blank across the end");
}

static void check_units(const struct hal_flash *f, uint32_t at) {
    uint32_t unit = f->program_bytes;
    check(hal_flash_erase(f, at) == 0, "erase");
    check(hal_flash_is_blank(f, at, PIECE_BYTES) == 1, "erased is blank");
    fill(piece, sizeof(piece), at);
    piece[0] = 0x5A;
    check(hal_flash_program(f, at, piece, unit) == 0, "program");
    check(reads(f, at, piece, unit), "read back");
    check(hal_flash_is_blank(f, at, unit) == 0, "programmed is not blank");
    check(hal_flash_is_blank(f, at + unit, unit) == 1, "the next unit is blank");
    memset(copy, 0, unit);
    check(hal_flash_program(f, at, copy, unit) == ERR_IO, "second programming");
    check(reads(f, at, piece, unit), "refused programming changed something");
    memset(copy, 0xA5, unit);
    check(f->ops->program(f, at, copy, unit) == ERR_IO, "the driver must refuse to set bits");
    check(hal_flash_erase(f, at) == 0 && hal_flash_is_blank(f, at, unit) == 1, "erase again");
}

// Across the chip's buffers, from an odd address, and from flash.
static void check_pieces(const struct hal_flash *f, uint32_t at) {
    uint32_t unit = f->program_bytes;
    check(hal_flash_program(f, at + unit, piece + 1, PIECE_BYTES) == 0, "large program");
    check(reads(f, at + unit, piece + 1, PIECE_BYTES), "large read back");
    check(hal_flash_erase(f, at) == 0, "erase");
    check(hal_flash_program(f, at, hal_body_start, 1024) == 0, "program from flash");
    check(reads(f, at, hal_body_start, 1024), "read back what came from flash");
}

static void measure(const struct hal_flash *f, const struct hal_area *area) {
    uint64_t start_us = os_uptime_us();
    uint32_t at = area->offset;
    uint32_t block = 0;
    for (uint32_t end = at + SPEED_BYTES; at < end; at += block) {
        uint32_t start;
        check(hal_flash_block(f, at, &start, &block) == 0 && hal_flash_erase(f, at) == 0, "erase");
        hal_wdt_feed();
    }
    for (uint32_t done = 0; done + 8192 <= SPEED_BYTES; done += 8192) {
        check(hal_flash_program(f, area->offset + done, piece, 8192) == 0, "program");
        hal_wdt_feed();
    }
    uint32_t passed_ms = (uint32_t)(os_uptime_us() - start_us) / 1000;
    LOG("%u KiB erased and programmed in %u ms", SPEED_BYTES / 1024, passed_ms);
}

int main(void) {
    const struct hal_layout *layout = &board_layout;
    const struct hal_flash *f = layout->flash;
    uint32_t count = 0;
    hal_flash_read(f, layout->storage.offset, &count, sizeof(count));
    LOG("storage held %08x", count);
    const struct hal_area *free_slot = &layout->slot[os_handover()->slot == 0];
    const struct hal_area *areas[] = {&layout->storage, free_slot};
    for (uint32_t i = 0; i < 2; i++) {
        check_geometry(f, areas[i]->offset);
        check_units(f, areas[i]->offset);
        check_pieces(f, areas[i]->offset);
    }
    measure(f, free_slot);
    check(hal_flash_erase(f, layout->storage.offset) == 0, "erase");
    memset(piece, 0x3C, f->program_bytes);
    check(hal_flash_program(f, layout->storage.offset, piece, f->program_bytes) == 0, "program");
    LOG("flash contract holds, slot %c", "AB"[os_handover()->slot]);
    return 0;
}
