// SPDX-License-Identifier: Apache-2.0
// Reading boot_params; its bytes stay in the bootloader's memory.
#include "slots/params.h"

#include "bytes.h"
#include "hal/err.h"
#include "slots/trust.h"

enum { PARAMS_MAGIC = 0x50425455, PARAMS_VERSION = 1 };

int boot_params_read(struct boot_params *out, const uint8_t block[BOOT_PARAMS_BYTES]) {
    if (load_u32(block) != PARAMS_MAGIC) {
        return ERR_FORMAT;
    }
    if (load_u16(block + 4) != PARAMS_VERSION || load_u16(block + 6) != BOOT_PARAMS_BYTES) {
        return ERR_UNSUPPORTED;
    }
    *out = (struct boot_params){
        .floor = load_u32(block + 12),
        .vid = block + 16,
        .cid = block + 32,
        .fleet = block + 48,
        .root = {block + 64, block + 128},
        .keyset_size = load_u16(block + 192),
        .keyset = block + 196,
    };
    return is_sealed(block, BOOT_PARAMS_BYTES) && out->keyset_size <= KEYSET_BYTES_MAX ? 0
                                                                                       : ERR_FORMAT;
}
