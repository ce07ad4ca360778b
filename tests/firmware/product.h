// SPDX-License-Identifier: Apache-2.0
// The product of the golden vectors, as a device of it knows it: its boot_params and its keyset.
#pragma once
#include "check.h"
#include "slots/trust.h"
#include "vectors.h"

static inline const struct boot_params *product_params(void) {
    static uint8_t block[BOOT_PARAMS_BYTES];
    static struct boot_params params;
    struct vector v = {0};
    if (params.keyset == NULL) {
        vector_load(&v, "boot_params", "good");
        CHECK(vector_hex(&v, "block", block, sizeof(block)) == sizeof(block));
        CHECK(boot_params_read(&params, block) == 0);
        free(v.text);
    }
    return &params;
}

static inline const struct keyset *product_keyset(void) {
    static uint8_t bytes[KEYSET_BYTES_MAX], buffer[TRUST_BUFFER_BYTES];
    static const struct journal no_journal; // without a record in it boot_params' own counts
    static const struct hal_layout no_layout;
    static struct keyset keyset;
    struct boot_params with = *product_params();
    struct vector v = {0};
    if (keyset.n_keys == 0) {
        vector_load(&v, "keyset", "good");
        with.keyset_size = vector_hex(&v, "signed", bytes, sizeof(bytes));
        with.keyset = bytes;
        CHECK(trust_load(&keyset, buffer, &no_layout, &no_journal, &with) == 0);
        free(v.text);
    }
    return &keyset;
}
