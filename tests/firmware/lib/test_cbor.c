// SPDX-License-Identifier: Apache-2.0
// How the CBOR reader and writer are used: errors that stick, order of keys, keys nobody knows.
#include "cbor/cbor.h"
#include "check.h"
#include "hal/err.h"
#include "hex.h"

static struct hex input;

static struct cbor_in open_hex(const char *text) {
    struct cbor_in in;
    input = from_hex(text);
    cbor_in_init(&in, input.bytes, input.size);
    return in;
}

static void errors_stick(void) {
    struct cbor_in in = open_hex("18 18 41 00"); // 24, then a byte string
    uint64_t number = 7;
    const char *text;
    size_t size;
    CHECK(cbor_text(&in, &text, &size) == ERR_FORMAT && size == 0);
    const uint8_t *stopped = in.p;
    CHECK(cbor_uint(&in, &number) == ERR_FORMAT && number == 0 && in.p == stopped);
    CHECK(cbor_skip(&in) == ERR_FORMAT && cbor_done(&in) == ERR_FORMAT);
}

// {1: 5, 2: h'aa', 64: [..], 3 (critical): 0}
static void keys(void) {
    struct cbor_in in = open_hex("a3 01 05 02 41aa 1840 82 01 a1 00 00");
    struct cbor_map map;
    int64_t key, seen = 0;
    uint32_t number = 0;
    uint8_t byte = 0;
    CHECK(cbor_map(&in, &map) == 0);
    while (cbor_next_key(&in, &map, &key)) {
        seen = seen * 100 + key;
        switch (key) {
        case 1:
            CHECK(cbor_uint32(&in, &number) == 0);
            break;
        case 2:
            CHECK(cbor_bytes_fixed(&in, &byte, 1) == 0);
            break;
        default:
            CHECK(cbor_skip_unknown(&in, key) == 0);
        }
    }
    CHECK(cbor_done(&in) == 0 && seen == 10264 && number == 5 && byte == 0xaa);

    in = open_hex("a1 183f 00"); // 63 is critical
    CHECK(cbor_map(&in, &map) == 0 && cbor_next_key(&in, &map, &key) && key == 63);
    CHECK(cbor_skip_unknown(&in, key) == ERR_UNSUPPORTED && cbor_done(&in) == ERR_UNSUPPORTED);
}

static void keys_out_of_order(void) {
    static const char *const bad[] = {
        "a2 02 00 01 00",     // falling
        "a2 01 00 01 00",     // twice
        "a2 20 00 01 00",     // -1 before 1
        "a2 1818 00 17 00",   // 24 before 23
        "a2 4161 00 1864 00", // bytes before an integer
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cbor_map map;
        struct cbor_in in = open_hex(bad[i]);
        CHECK(cbor_map(&in, &map) == 0);
        CHECK(cbor_next(&in, &map) && cbor_skip(&in) == 0 && cbor_skip(&in) == 0);
        CHECK(!cbor_next(&in, &map) && cbor_done(&in) == ERR_FORMAT);
        in = open_hex(bad[i]);
        CHECK(cbor_skip(&in) == ERR_FORMAT);
    }
}

static void numbers_that_do_not_fit(void) {
    uint32_t number;
    int64_t wide;
    uint8_t two[2];
    struct cbor_in in = open_hex("1b 00000001 00000000");
    CHECK(cbor_uint32(&in, &number) == ERR_RANGE);
    in = open_hex("1b 80000000 00000000");
    CHECK(cbor_int(&in, &wide) == ERR_RANGE);
    in = open_hex("3b 80000000 00000000");
    CHECK(cbor_int(&in, &wide) == ERR_RANGE);
    in = open_hex("3b 7fffffff ffffffff");
    CHECK(cbor_int(&in, &wide) == 0 && wide == INT64_MIN);
    in = open_hex("43 010203");
    CHECK(cbor_bytes_fixed(&in, two, 2) == ERR_FORMAT);
}

// RFC 3629: no character longer than needed, no surrogates, nothing above U+10FFFF.
static void text_is_utf8(void) {
    static const struct {
        const char *item;
        bool good;
    } cases[] = {
        {"61 7f", true},        {"62 c280", true},      {"63 e0a080", true},
        {"63 ed9fbf", true},    {"63 ee8080", true},    {"64 f0908080", true},
        {"64 f48fbfbf", true},  {"61 80", false},       {"62 c080", false},
        {"62 c1bf", false},     {"62 c27f", false},     {"63 e09fbf", false},
        {"63 eda080", false},   {"63 edbfbf", false},   {"64 f08fbfbf", false},
        {"64 f4908080", false}, {"64 f5808080", false}, {"61 c2", false},
        {"62 e0a0", false},     {"63 f09080", false},   {"61 ff", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cbor_in in = open_hex(cases[i].item);
        check_context = cases[i].item;
        CHECK((cbor_skip(&in) == 0) == cases[i].good);
    }
    check_context = "";
}

// Counts of 2^32, which would be 0 if cut to 32 bits.
static void huge_counts_are_refused(void) {
    uint32_t count;
    struct cbor_map map;
    struct cbor_in in = open_hex("9b 00000001 00000000");
    CHECK(cbor_array(&in, &count) == ERR_FORMAT);
    in = open_hex("bb 00000001 00000000");
    CHECK(cbor_map(&in, &map) == ERR_FORMAT);
    in = open_hex("bb 80000000 00000000");
    CHECK(cbor_skip(&in) == ERR_FORMAT);
}

static void a_full_buffer_is_an_error_that_stays(void) {
    uint8_t small[4];
    struct cbor_out out;
    cbor_out_init(&out, small, sizeof small);
    cbor_put_uint(&out, 1000);
    CHECK(out.err == 0 && out.used == 3);
    cbor_put_uint(&out, 1000);
    CHECK(out.err == ERR_NO_MEMORY && out.used == 3);
    cbor_put_uint(&out, 1); // would fit
    CHECK(out.err == ERR_NO_MEMORY && out.used == 3);
}

int main(void) {
    errors_stick();
    keys();
    keys_out_of_order();
    numbers_that_do_not_fit();
    text_is_utf8();
    huge_counts_are_refused();
    a_full_buffer_is_an_error_that_stays();
    return 0;
}
