// SPDX-License-Identifier: Apache-2.0
// Reading the identity records; `provision` and the device itself append them.
#include "slots/identity.h"

#include "bytes.h"
#include "crypto/sha256.h"
#include "hal/err.h"

#include <stdbool.h>
#include <string.h>

enum {
    RECORD_BYTES = 512,
    IDENTITY_MAGIC = 0x44495455,
    IDENTITY_VERSION = 1,
    HEAD_BYTES = 12,
    PIECE_BYTES = 64, // read at a time, so that the bootloader need not hold a record
    URL_AT = 158,
};

static bool record_valid(const struct hal_flash *f, uint32_t offset) {
    uint8_t piece[PIECE_BYTES];
    uint32_t crc = 0;
    for (uint32_t at = 0; at < RECORD_BYTES; at += PIECE_BYTES) {
        if (hal_flash_read(f, offset + at, piece, PIECE_BYTES) < 0) {
            return false;
        }
        if (at == 0 && (load_u32(piece) != IDENTITY_MAGIC ||
                        load_u32(piece + 4) != (IDENTITY_VERSION | RECORD_BYTES << 16))) {
            return false;
        }
        crc = crc32(crc, piece, PIECE_BYTES);
    }
    return crc == CRC_SEALED;
}

static int find(const struct hal_layout *layout, uint32_t *offset) {
    const struct hal_area *area = &layout->identity;
    for (uint32_t n = area->size / RECORD_BYTES; n-- > 0;) {
        *offset = area->offset + n * RECORD_BYTES;
        if (record_valid(layout->flash, *offset)) {
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

int identity_load(struct identity *out, const struct hal_layout *layout) {
    uint32_t offset;
    int err = find(layout, &offset);
    if (err < 0) {
        return err;
    }
    uint8_t r[URL_AT + IDENTITY_URL_MAX];
    err = hal_flash_read(layout->flash, offset, r, sizeof(r));
    if (err < 0) {
        return err;
    }
    uint16_t url_size = load_u16(r + 156);
    if (url_size > IDENTITY_URL_MAX) {
        return ERR_FORMAT;
    }
    memset(out, 0, sizeof(*out));
    out->flags = load_u32(r + 8);
    memcpy(out->device_key, r + 12, sizeof(out->device_key));
    memcpy(out->public_key, r + 44, sizeof(out->public_key));
    memcpy(out->seed, r + 108, sizeof(out->seed));
    memcpy(out->token, r + 140, sizeof(out->token));
    memcpy(out->url, r + URL_AT, url_size);
    return 0;
}

uint32_t identity_flags(const struct hal_layout *layout) {
    uint32_t offset;
    uint8_t head[HEAD_BYTES];
    if (find(layout, &offset) < 0 ||
        hal_flash_read(layout->flash, offset, head, sizeof(head)) < 0) {
        return 0;
    }
    return load_u32(head + 8);
}

void identity_device_id(const struct identity *identity, uint8_t id[16]) {
    uint8_t digest[SHA256_BYTES];
    sha256(identity->public_key, sizeof(identity->public_key), digest);
    memcpy(id, digest, 16);
}
