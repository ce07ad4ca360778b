// SPDX-License-Identifier: Apache-2.0
// sources: firmware/update/agent/manifest.c firmware/slots/*.c hal/flash.c
// sources: tests/firmware/slots/no_watchdog.c tests/fuzz/statement.c
// include: firmware/update/agent firmware/slots/include firmware/slots tests/firmware/slots
// Manifests, whole or as payload, as somebody with an image key could make them: what is accepted
// keeps every rule of the device's, and what is refused names at most an image that it held.
#include "cbor/cose.h"
#include "manifest.h"
#include "product.h"
#include "statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds(const uint8_t *data, size_t size, const uint8_t digest[32]) {
    for (size_t at = 0; at + 32 <= size; at++) {
        if (memcmp(data + at, digest, 32) == 0) {
            return true;
        }
    }
    return false;
}

static void check_it(const uint8_t *data, size_t size) {
    static const uint8_t none[32];
    const struct boot_params *params = product_params();
    const struct manifest_policy policy = {
        .keyset = product_keyset(),
        .vid = params->vid,
        .cid = params->cid,
        .floor = 5, // what the good vector has
        .running = {1, 2, 0, 0},
        .boot_version = 1,
        .agent_version = 1,
        .slot_bytes = 0x100000,
    };
    struct manifest m;
    int err = manifest_check(&m, data, size, &policy);
    if (err < 0) {
        CHECK(check_same(m.image_digest, none, 32) || holds(data, size, m.image_digest));
        return;
    }
    CHECK(size <= MANIFEST_MAX_BYTES);
    CHECK(check_same(m.vid, policy.vid, 16) && check_same(m.cid, policy.cid, 16));
    CHECK(m.counter >= policy.floor && m.blob_bytes > 0 && m.blob_bytes <= policy.slot_bytes);
    CHECK(m.least_boot <= 1 && m.least_agent <= 1 && (m.from_running || !m.has_from));
    CHECK(holds(data, size, m.image_digest) && holds(data, size, m.blob_digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t made_size;
    const uint8_t *key = product_keyset()->keys[0].key; // of images
    uint8_t *made = statement_make(key, COSE_TYP_MANIFEST, data, size, &made_size);
    check_it(data, size);
    check_it(made, made_size);
    free(made);
    return 0;
}
