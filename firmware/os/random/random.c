// SPDX-License-Identifier: Apache-2.0
// One HMAC_DRBG for the image. The boot count, which never repeats on a device, is in its seed: so
// no two starts share a block, even where there is no hardware source.
#include "os/random.h"
#include "crc/crc32.h"
#include "crypto/drbg.h"
#include "hal/arch.h"
#include "hal/board.h"
#include "hal/err.h"
#include "hal/rng.h"
#include "os/boot.h"
#include "os/panic.h"
#include <stdbool.h>
#include <string.h>

int os_random_init(void);

// docs/flash.md, identity.
enum {
    IDENTITY_BYTES = 512,
    IDENTITY_SEED_OFFSET = 108,
    SEED_BYTES = 32,
    ENTROPY_BYTES = 32,
    NOISE_BYTES = 256,
};

static struct drbg drbg;
static bool seeded;

static int read_identity(uint32_t at, void *to, uint32_t size) {
    return hal_flash_read(board_layout.flash, board_layout.identity.offset + at, to, size);
}

static bool is_identity(uint32_t at) {
    uint8_t chunk[32];
    uint32_t crc = 0;
    uint32_t stored = 0;
    for (uint32_t i = 0; i < IDENTITY_BYTES; i += sizeof(chunk)) {
        if (read_identity(at + i, chunk, sizeof(chunk)) < 0) {
            return false;
        }
        uint32_t n = sizeof(chunk) - (i + sizeof(chunk) == IDENTITY_BYTES ? sizeof(crc) : 0);
        crc = crc32(crc, chunk, n);
        stored = chunk[28] | (uint32_t)chunk[29] << 8 | (uint32_t)chunk[30] << 16 |
                 (uint32_t)chunk[31] << 24;
    }
    return crc == stored;
}

// The seed of the last whole record; zeros on a device that was never provisioned.
static void read_seed(uint8_t seed[SEED_BYTES]) {
    memset(seed, 0, SEED_BYTES);
    for (uint32_t at = 0; at < board_layout.identity.size; at += IDENTITY_BYTES) {
        uint8_t head[8]; // magic, version, size
        if (read_identity(at, head, sizeof(head)) == 0 &&
            memcmp(head, "UTID\x01\x00\x00\x02", sizeof(head)) == 0 && is_identity(at)) {
            read_identity(at + IDENTITY_SEED_OFFSET, seed, SEED_BYTES);
        }
    }
}

// Fails where nothing distinguishes this start from the last one.
int os_random_init(void) {
    struct {
        uint8_t seed[SEED_BYTES];
        uint8_t entropy[ENTROPY_BYTES];
        uint32_t boot_count;
        uint32_t slot_base;
        uint64_t now_us;
    } material = {
        .boot_count = os_handover()->boot_count,
        .slot_base = os_handover()->slot_base,
        .now_us = hal_timer_us(),
    };
    int err = hal_rng_read(material.entropy, sizeof(material.entropy));
    if (err < 0 && os_handover()->magic == 0) {
        return ERR_STATE;
    }
    read_seed(material.seed);
    drbg_init(&drbg, &material, sizeof(material));
    memset(&material, 0, sizeof(material));
    drbg_mix(&drbg, hal_heap_start,
             NOISE_BYTES); // RAM as it came up: on hardware, not always the same
    seeded = true;
    return 0;
}

void os_random(void *to, size_t size) {
    ASSERT(seeded); // not from a constructor: every device would get the same
    drbg_bytes(&drbg, to, size);
}
