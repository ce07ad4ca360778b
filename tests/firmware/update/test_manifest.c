// SPDX-License-Identifier: Apache-2.0
// sources: firmware/update/agent/manifest.c hal/flash.c
// components: slots lib/crypto/p256
// include: firmware/update/agent tests/firmware/slots
// Manifests: the golden vectors, every rule of the device's, every flipped bit.
#include "hal/err.h"
#include "manifest.h"
#include "product.h"

void hal_wdt_feed(void);
void hal_wdt_feed(void) { // slots feeds it; there is none here
}

static uint8_t signed_bytes[4096];
static struct manifest_policy policy;

static void load_trust(void) {
    policy = (struct manifest_policy){
        .keyset = product_keyset(),
        .vid = product_params()->vid,
        .cid = product_params()->cid,
        .floor = 3,
        .running = {1, 2, 0, 0},
        .boot_version = 1,
        .agent_version = 1,
        .slot_bytes = 0x100000,
    };
}

static int check(struct manifest *m, const uint8_t *data, uint32_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    int err = manifest_check(m, copy, size, &policy);
    free(copy);
    return err;
}

static void vector(const struct vector *v) {
    struct manifest m;
    uint8_t digest[32];
    uint32_t n = vector_hex(v, "signed", signed_bytes, sizeof signed_bytes);
    int err = check(&m, signed_bytes, n);
    if (vector_expect(v) < 0) {
        CHECK(err < 0);
        CHECK(vector_expect(v) != ERR_SIGNATURE || err == ERR_SIGNATURE);
        return;
    }
    if (vector_number(v, "components") > 1) {
        CHECK(err == ERR_UNSUPPORTED); // this agent installs the application only
        return;
    }
    CHECK(err == 0);
    vector_hex(v, "image_digest", digest, 32);
    CHECK(memcmp(digest, m.image_digest, 32) == 0);
    vector_hex(v, "blob_digest", digest, 32);
    CHECK(memcmp(digest, m.blob_digest, 32) == 0);
    CHECK(m.blob_bytes == vector_number(v, "blob_size") &&
          m.counter == vector_number(v, "counter"));
}

static uint32_t load_good(void) {
    struct vector v = {0};
    vector_load(&v, "manifest", "good");
    uint32_t n = vector_hex(&v, "signed", signed_bytes, sizeof signed_bytes);
    free(v.text);
    return n;
}

static void each_rule_refuses(void) {
    struct manifest m;
    uint32_t n = load_good();
    uint8_t other[16] = {0};
    struct manifest_policy was = policy;
    policy.cid = other;
    CHECK(check(&m, signed_bytes, n) == ERR_IDENTITY);
    policy = was;
    policy.vid = other;
    CHECK(check(&m, signed_bytes, n) == ERR_IDENTITY);
    policy = was;
    policy.floor = 6;
    CHECK(check(&m, signed_bytes, n) == ERR_ROLLBACK);
    policy.floor = 5;
    CHECK(check(&m, signed_bytes, n) == 0);
    policy = was;
    policy.slot_bytes = 0x186a0 - 1;
    CHECK(check(&m, signed_bytes, n) == ERR_NO_SPACE);
    policy = was;
}

static void every_flipped_bit_is_refused(void) {
    struct manifest m;
    uint32_t n = load_good();
    for (uint32_t bit = 0; bit < n * 8; bit += 3) {
        signed_bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(check(&m, signed_bytes, n) < 0);
        signed_bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (uint32_t size = 0; size < n; size++) {
        CHECK(check(&m, signed_bytes, size) < 0);
    }
}

int main(void) {
    load_trust();
    CHECK(vector_each("manifest", vector) > 15);
    each_rule_refuses();
    every_flipped_bit_is_refused();
    return 0;
}
