// SPDX-License-Identifier: Apache-2.0
// Flash contract, honest about real parts. All offsets count from the device's base, in bytes.
// None of these functions may be called from an interrupt handler.
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stdint.h>

C_BEGIN

struct hal_flash;

struct hal_flash_region {
    uint32_t count;       // blocks, in address order
    uint32_t erase_bytes; // size of each
};

// Drivers implement these three; arguments were checked by the functions below.
struct hal_flash_ops {
    // ERR_ECC if a unit is unreadable; ERR_ERASED where the part can tell and all of it is erased.
    int (*read)(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size);
    // ERR_IO if the part says that it failed; whether the bits are as asked is checked afterwards.
    int (*program)(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size);
    // ERR_IO if the part says that it failed.
    int (*erase)(const struct hal_flash *f, uint32_t offset, uint32_t block_size);
};

struct hal_flash {
    const struct hal_flash_ops *ops;
    const struct hal_flash_region *regions; // they cover the device without gaps
    uint32_t n_regions;
    uint32_t size;
    uint32_t program_bytes; // smallest unit, a power of two, 1 to 512
    uint32_t erase_ms_max;  // the watchdog's time exceeds twice this
    uintptr_t base;         // where the CPU sees offset 0; executable in place
    uint8_t erased_value;   // 0xFF or 0x00
};

// Copy `size` bytes at `offset`, also from units that fault when read plainly.
// ERR_RANGE outside the device; ERR_ECC if a unit is unreadable; ERR_ERASED where the part can tell
// and all of it is erased (other parts deliver erased_value).
int hal_flash_read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size);

// Program whole units: offset and size are multiples of program_bytes, all units erased and not
// programmed since. Reads back. ERR_RANGE, ERR_IO (the bits are not as asked; the unit is spent).
int hal_flash_program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size);

// Erase the one block that starts at `offset`. ERR_RANGE if none does; ERR_IO.
// Takes up to erase_ms_max; where the part stalls, so does the CPU.
int hal_flash_erase(const struct hal_flash *f, uint32_t offset);

// Start and size of the block that holds `offset`. ERR_RANGE.
int hal_flash_block(const struct hal_flash *f, uint32_t offset, uint32_t *start, uint32_t *size);

// 1 if every byte reads as erased, 0 if not or not reliably, ERR_RANGE.
int hal_flash_is_blank(const struct hal_flash *f, uint32_t offset, uint32_t size);

struct hal_area {
    uint32_t offset;
    uint32_t size;
};

// Where a board keeps what (board.toml, docs/flash.md). Each area starts and ends on a block.
struct hal_layout {
    const struct hal_flash *flash;
    struct hal_area identity;
    struct hal_area trust[2];
    struct hal_area journal[2];
    struct hal_area slot[2];
    struct hal_area storage;
};

C_END
