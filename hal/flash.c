// SPDX-License-Identifier: Apache-2.0
// The flash contract's checks (hal/flash.h); the drivers behind it do only the work.
#include "hal/flash.h"
#include "hal/err.h"
#include <string.h>

enum { CHUNK_BYTES = 64 };

static bool outside(const struct hal_flash *f, uint32_t offset, uint32_t size) {
    return offset > f->size || size > f->size - offset;
}

int hal_flash_read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    if (outside(f, offset, size)) {
        return ERR_RANGE;
    }
    return f->ops->read(f, offset, to, size);
}

// 1 if the flash holds `with`, or is erased where `with` is null; 0 if not, or not reliably.
static int holds(const struct hal_flash *f, uint32_t offset, const uint8_t *with, uint32_t size) {
    while (size > 0) {
        uint8_t chunk[CHUNK_BYTES];
        uint32_t n = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        int err = f->ops->read(f, offset, chunk, n);
        if (err < 0 && (err != ERR_ERASED || with != NULL)) {
            return 0;
        }
        for (uint32_t i = 0; i < n && err == 0; i++) {
            if (chunk[i] != (with != NULL ? with[i] : f->erased_value)) {
                return 0;
            }
        }
        with = with != NULL ? with + n : NULL;
        offset += n;
        size -= n;
    }
    return 1;
}

int hal_flash_program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size) {
    if (outside(f, offset, size) || (offset | size) & (f->program_bytes - 1)) {
        return ERR_RANGE;
    }
    if (!holds(f, offset, NULL, size)) {
        return ERR_IO; // a unit is written once between erases
    }
    int err = f->ops->program(f, offset, from, size);
    if (err < 0) {
        return err;
    }
    return holds(f, offset, from, size) ? 0 : ERR_IO;
}

int hal_flash_block(const struct hal_flash *f, uint32_t offset, uint32_t *start, uint32_t *size) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < f->n_regions; i++) {
        uint32_t bytes = f->regions[i].count * f->regions[i].erase_bytes;
        if (offset - at < bytes) {
            *size = f->regions[i].erase_bytes;
            *start = offset - (offset - at) % *size;
            return 0;
        }
        at += bytes;
    }
    return ERR_RANGE;
}

int hal_flash_erase(const struct hal_flash *f, uint32_t offset) {
    uint32_t start;
    uint32_t size;
    int err = hal_flash_block(f, offset, &start, &size);
    if (err < 0) {
        return err;
    }
    if (start != offset) {
        return ERR_RANGE;
    }
    err = f->ops->erase(f, offset, size);
    if (err < 0) {
        return err;
    }
    return holds(f, offset, NULL, size) ? 0 : ERR_IO;
}

int hal_flash_is_blank(const struct hal_flash *f, uint32_t offset, uint32_t size) {
    if (outside(f, offset, size)) {
        return ERR_RANGE;
    }
    return holds(f, offset, NULL, size);
}
