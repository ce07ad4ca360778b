// SPDX-License-Identifier: Apache-2.0
// P-256: signatures of RFC 6979 A.2.5, ECDH of RFC 5903 8.1, and what must be refused.
#include "check.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "hal/err.h"
#include "hex.h"

static const char *const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
static const char *const prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

static struct hex rfc_key, rfc_sample, rfc_test;
static uint8_t sample_hash[32], test_hash[32];

static void load(void) {
    rfc_key = from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                       "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    rfc_sample = from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    rfc_test = from_hex("f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
                        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
    sha256("sample", 6, sample_hash);
    sha256("test", 4, test_hash);
}

static void rfc6979(void) {
    CHECK(p256_verify(rfc_key.bytes, sample_hash, rfc_sample.bytes) == 0);
    CHECK(p256_verify(rfc_key.bytes, test_hash, rfc_test.bytes) == 0);
    CHECK(p256_verify(rfc_key.bytes, test_hash, rfc_sample.bytes) == ERR_SIGNATURE);
}

static void every_flipped_bit_is_refused(void) {
    for (int bit = 0; bit < 64 * 8; bit += 3) {
        uint8_t flip = (uint8_t)(1 << bit % 8);
        rfc_sample.bytes[bit / 8] ^= flip;
        CHECK(p256_verify(rfc_key.bytes, sample_hash, rfc_sample.bytes) == ERR_SIGNATURE);
        rfc_sample.bytes[bit / 8] ^= flip;
        rfc_key.bytes[bit / 8] ^= flip; // leaves the curve
        CHECK(p256_verify(rfc_key.bytes, sample_hash, rfc_sample.bytes) == ERR_SIGNATURE);
        rfc_key.bytes[bit / 8] ^= flip;
        sample_hash[bit / 16] ^= flip;
        CHECK(p256_verify(rfc_key.bytes, sample_hash, rfc_sample.bytes) == ERR_SIGNATURE);
        sample_hash[bit / 16] ^= flip;
    }
}

// r and s outside 1..n-1; the forgery r = s = 0 that verifiers have accepted.
static void numbers_out_of_range_are_refused(void) {
    static const char *const zero =
        "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const all_ones =
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const char *const bad[] = {zero, order, prime, all_ones};
    uint8_t sig[64] = {0}, hash[32] = {0};
    CHECK(p256_verify(rfc_key.bytes, hash, sig) == ERR_SIGNATURE);
    for (size_t i = 0; i < 4; i++) {
        for (int half = 0; half < 2; half++) {
            memcpy(sig, rfc_sample.bytes, 64);
            memcpy(sig + 32 * half, from_hex(bad[i]).bytes, 32);
            CHECK(p256_verify(rfc_key.bytes, sample_hash, sig) == ERR_SIGNATURE);
        }
    }
}

static void points_off_the_curve_are_refused(void) {
    uint8_t key[64] = {0}, z[32];
    CHECK(p256_verify(key, sample_hash, rfc_sample.bytes) == ERR_SIGNATURE);
    CHECK(p256_ecdh(z, sample_hash, key) == ERR_RANGE);
    memcpy(key, rfc_key.bytes, 64);
    memcpy(key, from_hex(prime).bytes, 32); // x = p, which is 0 modulo p
    CHECK(p256_ecdh(z, sample_hash, key) == ERR_RANGE);
    memcpy(key, rfc_key.bytes, 64);
    key[63] ^= 1;
    memset(z, 1, 32);
    CHECK(p256_ecdh(z, sample_hash, key) == ERR_RANGE);
    for (int i = 0; i < 32; i++) {
        CHECK(z[i] == 0);
    }
}

// With hash 0 and r = s = x, the sum is the key itself: true for any point, were the curve not
// checked.
static void a_key_off_the_curve_cannot_vouch_for_itself(void) {
    uint8_t key[64], sig[64], hash[32] = {0};
    memcpy(key, rfc_key.bytes, 64);
    memcpy(sig, key, 32);
    memcpy(sig + 32, key, 32);
    CHECK(p256_verify(key, hash, sig) == 0);
    key[63] ^= 1;
    CHECK(p256_verify(key, hash, sig) == ERR_SIGNATURE);
}

static void rfc5903(void) {
    struct hex i = from_hex("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    struct hex r = from_hex("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    struct hex pub_i = from_hex("dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
                                "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3");
    struct hex pub_r = from_hex("d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
                                "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab");
    uint8_t z[32];
    CHECK(p256_ecdh(z, i.bytes, pub_r.bytes) == 0);
    CHECK(is_hex(z, 32, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"));
    CHECK(p256_ecdh(z, r.bytes, pub_i.bytes) == 0);
    CHECK(is_hex(z, 32, "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"));
}

static void private_keys_out_of_range_are_refused(void) {
    uint8_t priv[32] = {0}, z[32];
    CHECK(p256_ecdh(z, priv, rfc_key.bytes) == ERR_RANGE);
    memcpy(priv, from_hex(order).bytes, 32);
    CHECK(p256_ecdh(z, priv, rfc_key.bytes) == ERR_RANGE);
    priv[31]--; // n - 1 is the largest
    CHECK(p256_ecdh(z, priv, rfc_key.bytes) == 0);
    memset(priv, 0, 32);
    priv[31] = 1;
    CHECK(p256_ecdh(z, priv, rfc_key.bytes) == 0);
    CHECK(check_same(z, rfc_key.bytes, 32));
}

int main(void) {
    load();
    rfc6979();
    every_flipped_bit_is_refused();
    numbers_out_of_range_are_refused();
    points_off_the_curve_are_refused();
    a_key_off_the_curve_cannot_vouch_for_itself();
    rfc5903();
    private_keys_out_of_range_are_refused();
    return 0;
}
