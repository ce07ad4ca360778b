// SPDX-License-Identifier: Apache-2.0
// RAM used as NOR flash. What real NOR would not do is refused, so that nobody comes to rely on it.
#include "drivers/flash/ram_nor.h"
#include "hal/err.h"
#include <string.h>

static int read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    memcpy(to, (const void *)(f->base + offset), size);
    return 0;
}

static int program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size) {
    volatile uint8_t *cells = (volatile uint8_t *)(f->base + offset);
    const uint8_t *p = from;
    for (uint32_t i = 0; i < size; i++) {
        if (p[i] & ~cells[i]) {
            return ERR_IO; // NOR cannot set a bit
        }
        cells[i] = p[i];
    }
    return 0;
}

static int erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    memset((void *)(f->base + offset), 0xFF, block_size);
    return 0;
}

const struct hal_flash_ops ram_nor_ops = {.read = read, .program = program, .erase = erase};
