// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA-256 by RFC 4231, HKDF by RFC 5869 (the first 32 bytes of its OKM), HMAC_DRBG by NIST's
// CAVP.
#include "check.h"
#include "crypto/drbg.h"
#include "crypto/hmac.h"
#include "hex.h"

static void hmac_is(struct hex key, struct hex data, const char *mac) {
    uint8_t out[32];
    struct hmac h;
    hmac_init(&h, key.bytes, key.size);
    hmac_update(&h, data.bytes, data.size / 2);
    hmac_update(&h, data.bytes + data.size / 2, data.size - data.size / 2);
    hmac_final(&h, out);
    CHECK(is_hex(out, strlen(mac) / 2, mac)); // case 5 is truncated to 128 bits
}

static struct hex text(const char *s) {
    struct hex h = {.size = strlen(s)};
    memcpy(h.bytes, s, h.size);
    return h;
}

static struct hex repeat(uint8_t byte, size_t n) {
    struct hex h = {.size = n};
    memset(h.bytes, byte, n);
    return h;
}

static void rfc4231(void) {
    hmac_is(repeat(0x0b, 20), text("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_is(text("Jefe"), text("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_is(repeat(0xaa, 20), repeat(0xdd, 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    hmac_is(from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeat(0xcd, 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    hmac_is(repeat(0xaa, 131), text("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_is(repeat(0xaa, 131),
            text("This is a test using a larger than block-size key and a larger than block-size "
                 "data. The key needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void hkdf_is(struct hex ikm, struct hex salt, struct hex info, const char *okm) {
    uint8_t out[32];
    const struct hkdf_input from = {salt.bytes, ikm.bytes, info.bytes,
                                    salt.size,  ikm.size,  info.size};
    hkdf(&from, out);
    CHECK(is_hex(out, 32, okm));
}

static struct hex counting(uint8_t from, size_t n) {
    struct hex h = {.size = n};
    for (size_t i = 0; i < n; i++) {
        h.bytes[i] = (uint8_t)(from + i);
    }
    return h;
}

static void rfc5869(void) {
    hkdf_is(repeat(0x0b, 22), counting(0, 13), counting(0xf0, 10),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    hkdf_is(counting(0, 80), counting(0x60, 80), counting(0xb0, 80),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
    hkdf_is(repeat(0x0b, 22), repeat(0, 0), repeat(0, 0),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

// CAVP HMAC_DRBG.rsp, SHA-256, no reseed, no prediction resistance: the second 128 bytes count.
static void cavp(void) {
    struct hex seed = from_hex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"
                               "659ba96c601dc69fc902940805ec0ca8");
    uint8_t out[128];
    struct drbg d;
    drbg_init(&d, seed.bytes, seed.size);
    drbg_bytes(&d, out, sizeof out);
    drbg_bytes(&d, out, sizeof out);
    CHECK(is_hex(out, sizeof out,
                 "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89"
                 "d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1"
                 "07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668"
                 "961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8"));
}

static void drbg_never_repeats_and_mixing_changes_it(void) {
    struct drbg a, b;
    uint8_t x[64], y[64];
    drbg_init(&a, "seed", 4);
    b = a;
    drbg_bytes(&a, x, sizeof x);
    drbg_bytes(&a, y, sizeof y);
    CHECK(memcmp(x, y, sizeof x) != 0);
    drbg_mix(&b, "more", 4);
    drbg_bytes(&b, y, sizeof y);
    CHECK(memcmp(x, y, sizeof x) != 0);
}

static void equal(void) {
    uint8_t a[32] = {0}, b[32] = {0};
    CHECK(hmac_equal(a, b, 32) && hmac_equal(a, b, 0));
    for (int bit = 0; bit < 256; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!hmac_equal(a, b, 32));
        b[bit / 8] = 0;
    }
}

int main(void) {
    rfc4231();
    rfc5869();
    cavp();
    drbg_never_repeats_and_mixing_changes_it();
    equal();
    return 0;
}
