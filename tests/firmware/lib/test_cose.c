// SPDX-License-Identifier: Apache-2.0
// The one shape of COSE messages: each part of it changed alone is refused, and says why.
#include "cbor/cose.h"
#include "check.h"
#include "hal/err.h"
#include "hex.h"

static const char *const header =
    "a5 0105 0281 3a00010000 0448 0102030405060708 1019fde9 3a00010000 01";
static const char *const tag =
    "5820 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

// A message with this protected header, unprotected header, payload and tag (all in hexadecimal).
static int parse(const char *start, const char *protected_header, const char *rest) {
    char text[1200];
    struct cose c;
    struct hex h = from_hex(protected_header);
    CHECK(h.size < 256);
    snprintf(text, sizeof text, "%s58%02x%s%s", start, (unsigned)h.size, protected_header, rest);
    if (h.size < 24) {
        snprintf(text, sizeof text, "%s%02x%s%s", start, 0x40 + (unsigned)h.size, protected_header,
                 rest);
    }
    h = from_hex(text);
    return cose_parse_mac0(&c, h.bytes, h.size);
}

static int with_rest(const char *unprotected, const char *payload, const char *end) {
    char rest[300];
    snprintf(rest, sizeof rest, "%s%s%s", unprotected, payload, end);
    return parse("84", header, rest);
}

static int with_header(const char *protected_header) {
    char rest[300];
    snprintf(rest, sizeof rest, "a041aa%s", tag);
    return parse("84", protected_header, rest);
}

static void outer_shape(void) {
    CHECK_EQUAL(with_rest("a0", "41aa", tag), 0);
    CHECK_EQUAL(with_rest("a0", "40", tag), 0);
    CHECK_EQUAL(with_rest("a10000", "41aa", tag), ERR_FORMAT); // something unprotected
    CHECK_EQUAL(with_rest("80", "41aa", tag), ERR_FORMAT);
    CHECK_EQUAL(with_rest("a0", "61aa", tag), ERR_FORMAT);
    CHECK_EQUAL(with_rest("a0", "f6", tag), ERR_FORMAT); // detached payload
    CHECK_EQUAL(with_rest("a0", "41aa", "41bb"), ERR_FORMAT);
    CHECK_EQUAL(with_rest("a0", "41aa", ""), ERR_FORMAT);
    CHECK_EQUAL(parse("d184", header, "a041aa"), ERR_FORMAT); // tagged
    char rest[300];
    snprintf(rest, sizeof rest, "a041aa%s", tag);
    CHECK_EQUAL(parse("83", header, rest), ERR_FORMAT);
    CHECK_EQUAL(parse("85", header, rest), ERR_FORMAT);
    snprintf(rest, sizeof rest, "a041aa%s00", tag);
    CHECK_EQUAL(parse("84", header, rest), ERR_FORMAT); // a byte behind
    CHECK_EQUAL(parse("85", header, rest), ERR_FORMAT); // a fifth item
}

static void protected_header(void) {
    CHECK_EQUAL(with_header(header), 0);
    CHECK_EQUAL(with_header(""), ERR_FORMAT);
    CHECK_EQUAL(with_header("a0"), ERR_FORMAT);
    // one label missing, from the first to the last
    CHECK_EQUAL(with_header("a4 0281 3a00010000 0448 0102030405060708 1019fde9 3a00010000 01"),
                ERR_FORMAT);
    CHECK_EQUAL(with_header("a4 0105 0448 0102030405060708 1019fde9 3a00010000 01"), ERR_FORMAT);
    CHECK_EQUAL(with_header("a4 0105 0281 3a00010000 1019fde9 3a00010000 01"), ERR_FORMAT);
    CHECK_EQUAL(with_header("a4 0105 0281 3a00010000 0448 0102030405060708 3a00010000 01"),
                ERR_FORMAT);
    CHECK_EQUAL(with_header("a4 0105 0281 3a00010000 0448 0102030405060708 1019fde9"), ERR_FORMAT);
    // one more, before, between and behind
    CHECK_EQUAL(with_header("a6 0000 0105 0281 3a00010000 0448 0102030405060708 1019fde9 "
                            "3a00010000 01"),
                ERR_FORMAT);
    CHECK_EQUAL(with_header("a6 0105 0281 3a00010000 0448 0102030405060708 05 00 1019fde9 "
                            "3a00010000 01"),
                ERR_FORMAT);
    CHECK_EQUAL(with_header("a6 0105 0281 3a00010000 0448 0102030405060708 1019fde9 "
                            "3a00010000 01 3a00010001 01"),
                ERR_FORMAT);
    // values
    CHECK_EQUAL(with_header("a5 0104 0281 3a00010000 0448 0102030405060708 1019fde9 3a00010000 01"),
                ERR_UNSUPPORTED); // truncated HMAC
    CHECK_EQUAL(with_header("a5 0126 0281 3a00010000 0448 0102030405060708 1019fde9 3a00010000 01"),
                ERR_UNSUPPORTED); // a signature's algorithm
    CHECK_EQUAL(
        with_header("a5 011b0000000100000005 0281 3a00010000 0448 0102030405060708 1019fde9 "
                    "3a00010000 01"),
        ERR_UNSUPPORTED);
    CHECK_EQUAL(with_header("a5 0105 0281 3a00010001 0448 0102030405060708 1019fde9 3a00010000 01"),
                ERR_UNSUPPORTED);
    CHECK_EQUAL(with_header("a5 0105 0282 3a00010000 00 0448 0102030405060708 1019fde9 "
                            "3a00010000 01"),
                ERR_UNSUPPORTED);
    CHECK_EQUAL(with_header("a5 0105 0280 0448 0102030405060708 1019fde9 3a00010000 01"),
                ERR_UNSUPPORTED);
    CHECK_EQUAL(with_header("a5 0105 0281 3a00010000 0447 01020304050607 1019fde9 3a00010000 01"),
                ERR_FORMAT);
    CHECK_EQUAL(with_header("a5 0105 0281 3a00010000 0448 0102030405060708 1019fde9 3a00010000 02"),
                ERR_UNSUPPORTED);
    CHECK_EQUAL(with_header("a5 0105 0281 3a00010000 0448 0102030405060708 1041aa 3a00010000 01"),
                ERR_FORMAT);
}

static void too_large(void) {
    static uint8_t message[COSE_MAC0_MAX_BYTES + 1];
    static uint8_t payload[COSE_MAC0_MAX_BYTES];
    const uint8_t key[32] = {0};
    struct cose_mac0 m = {COSE_TYP_POLL, key, key, NULL, 0, payload, COSE_MAC0_MAX_BYTES - 71};
    struct cose c;
    int n = cose_write_mac0(message, sizeof message, &m);
    CHECK_EQUAL(n, COSE_MAC0_MAX_BYTES);
    CHECK_EQUAL(cose_parse_mac0(&c, message, (size_t)n), 0);
    m.payload_size++;
    n = cose_write_mac0(message, sizeof message, &m);
    CHECK_EQUAL(n, COSE_MAC0_MAX_BYTES + 1);
    CHECK_EQUAL(cose_parse_mac0(&c, message, (size_t)n), ERR_RANGE);
    CHECK_EQUAL(cose_parse_sign1(&c, message, COSE_SIGN1_MAX_BYTES + 1), ERR_RANGE);
}

int main(void) {
    outer_shape();
    protected_header();
    too_large();
    return 0;
}
