// SPDX-License-Identifier: Apache-2.0
// A board's flash driver as a CMSIS flash algorithm: a debugger loads it into RAM, wherever it
// likes, calls these functions and halts when they return. Nothing else of the board is in it.
#include "flash_device.h"
#include "hal/board.h"
#include "hal/flash.h"
#include "layout.h"

enum { FAILED = 1 };

// CMSIS names what debuggers look for ("Algorithm Functions" there): 0, or 1 if it failed.
uint32_t Init(uint32_t base, uint32_t clk_hz, uint32_t operation);
uint32_t UnInit(uint32_t operation);
uint32_t EraseSector(uint32_t address);
uint32_t ProgramPage(uint32_t address, uint32_t size, const uint8_t *from);

struct relocation {  // Elf32_Rel
    uint32_t offset; // of a word that holds an address, from the start
    uint8_t type;
    uint8_t symbol[3];
};

enum { R_ARM_RELATIVE = 23 };

// Of flash_algo.ld, and found relative to the PC. The code is linked at 0.
#define HERE __attribute__((visibility("hidden")))
extern HERE uint8_t algo_start[];
extern HERE const struct relocation algo_relocations[];
extern HERE const struct relocation algo_relocations_end[];

// Where the words that hold addresses think the code lies: 0 until the first call.
static uintptr_t linked_at;

uint32_t Init(uint32_t base, uint32_t clk_hz, uint32_t operation) {
    (void)base, (void)clk_hz, (void)operation;
    uintptr_t moved = (uintptr_t)algo_start - linked_at;
    for (const struct relocation *r = algo_relocations; r < algo_relocations_end; r++) {
        if (r->type == R_ARM_RELATIVE) {
            *(uint32_t *)(algo_start + r->offset) += (uint32_t)moved;
        }
    }
    linked_at += moved;
    return 0;
}

uint32_t UnInit(uint32_t operation) {
    (void)operation;
    return 0;
}

static uint32_t offset_of(uint32_t address) {
    return address - (uint32_t)board_flash.base;
}

uint32_t EraseSector(uint32_t address) {
    return hal_flash_erase(&board_flash, offset_of(address)) < 0 ? FAILED : 0;
}

uint32_t ProgramPage(uint32_t address, uint32_t size, const uint8_t *from) {
    return hal_flash_program(&board_flash, offset_of(address), from, size) < 0 ? FAILED : 0;
}

// CMSIS, "Flash device description".
struct flash_sectors {
    uint32_t bytes;
    uint32_t offset;
};

struct flash_device {
    uint16_t version;
    char name[128];
    uint16_t type;
    uint32_t base;
    uint32_t bytes;
    uint32_t page_bytes;
    uint32_t reserved;
    uint8_t erased_value;
    uint32_t program_ms_max;
    uint32_t erase_ms_max;
    struct flash_sectors sectors[FLASH_DEVICE_N_SECTORS + 1];
};

enum { VERSION = 0x0101, ON_CHIP = 1, PROGRAM_MS_MAX = 1000 };

const struct flash_device FlashDevice __attribute__((section("DeviceData"))) = {
    .version = VERSION,
    .name = FLASH_DEVICE_NAME,
    .type = ON_CHIP,
    .base = LAYOUT_FLASH_BASE,
    .bytes = LAYOUT_FLASH_SIZE,
    .page_bytes = FLASH_DEVICE_PAGE_BYTES,
    .erased_value = LAYOUT_ERASED_VALUE,
    .program_ms_max = PROGRAM_MS_MAX,
    .erase_ms_max = LAYOUT_ERASE_MS_MAX,
    .sectors = {FLASH_DEVICE_SECTORS, {0xFFFFFFFF, 0xFFFFFFFF}},
};
