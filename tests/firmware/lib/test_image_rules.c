// SPDX-License-Identifier: Apache-2.0
// FORMAT.md sections 1 and 2 rule by rule: an image that keeps all of them, then with one broken
// and nothing else, so that no other rule can be the reason.
#include "check.h"
#include "hal/err.h"
#include "hex.h"
#include "image/image.h"
#include "memory_source.h"

static struct parts {
    uint32_t load_addr, hdr_size, protect_tlv_size, img_size, flags, pad;
    const char *body_head; // from +0x20
    const char *protected_tlvs, *plain_tlvs;
    uint32_t protected_size; // in the area itself
} p;

#define VID "7400 1000 000102030405060708090a0b0c0d0e0f "
#define CID "7500 1000 101112131415161718191a1b1c1d1e1f "
#define DIGEST "1000 2000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
#define KEYHASH "0100 2000 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f "
#define ECDSA "2200 0800 3006020101020102 "
#define ED25519                                                                                    \
    "2400 4000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                   \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "

static const struct parts good = {
    .hdr_size = 32,
    .img_size = 80,
    .body_head = "524c4f43 40000000 2c000000",
    .protected_tlvs = "5000 0400 07000000 " VID CID,
    .plain_tlvs = DIGEST KEYHASH ECDSA,
};

static void put(uint8_t *to, uint32_t value, int n) {
    for (int i = 0; i < n; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t put_area(uint8_t *to, uint32_t magic, const char *tlvs) {
    struct hex h = from_hex(tlvs);
    put(to, magic, 2);
    put(to + 2, (uint32_t)h.size + 4, 2);
    memcpy(to + 4, h.bytes, h.size);
    return (uint32_t)h.size + 4;
}

static struct image_info info;

// Parses the image that `p` describes, with `room` bytes more than it needs (may be negative), and
// takes back every change to `p`.
static int parse_in(int room) {
    static uint8_t image[8192];
    memset(image, 0, sizeof image);
    put(image, 0x96f3b83d, 4);
    put(image + 4, p.load_addr, 4);
    put(image + 8, p.hdr_size, 2);
    put(image + 12, p.img_size, 4);
    put(image + 16, p.flags, 4);
    put(image + 20, 0x00030201, 4);
    put(image + 24, 4, 4);
    put(image + 28, p.pad, 4);
    struct hex head = from_hex(p.body_head);
    memcpy(image + p.hdr_size + 0x20, head.bytes, head.size);
    uint32_t at = p.hdr_size + p.img_size;
    uint32_t size = put_area(image + at, 0x6908, p.protected_tlvs);
    put(image + 10, p.protect_tlv_size ? p.protect_tlv_size : size, 2);
    if (p.protected_size) {
        put(image + at + 2, p.protected_size, 2);
    }
    at += p.protect_tlv_size ? p.protect_tlv_size : size;
    at += put_area(image + at, 0x6907, p.plain_tlvs);
    struct memory m;
    memory_init(&m, image, at + (uint32_t)room);
    p = good;
    return image_parse(&info, &m.source, m.size);
}

static int parse(void) {
    return parse_in(0);
}

static void header(void) {
    CHECK_EQUAL(parse(), 0);
    CHECK(info.version.major == 1 && info.version.minor == 2 && info.version.revision == 3 &&
          info.version.build == 4);
    CHECK(info.counter == 7 && info.has_reloc && info.reloc_offset == 0x40);
    CHECK_EQUAL(image_runs_at(&info, 0x1000), 0);
    p.hdr_size = 4096;
    CHECK_EQUAL(parse(), 0);
    p.hdr_size = 4100;
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.hdr_size = 34;
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.pad = 1;
    CHECK_EQUAL(parse(), ERR_FORMAT);
    for (unsigned bit = 0; bit < 32; bit++) {
        p.flags = (uint32_t)1 << bit;
        p.body_head = "00";
        CHECK_EQUAL(parse(), bit == 8 ? 0 : ERR_UNSUPPORTED);
    }
    CHECK_EQUAL(parse_in(-1), ERR_NO_SPACE);
    CHECK_EQUAL(parse_in(100), 0);
}

static void load_address(void) {
    p.load_addr = 0x1000;
    p.body_head = "00";
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.load_addr = 0x1000;
    p.flags = 0x100;
    CHECK_EQUAL(parse(), ERR_FORMAT); // and yet a table
    p.load_addr = 0x1000;
    p.flags = 0x100;
    p.body_head = "00";
    CHECK_EQUAL(parse(), 0);
    CHECK_EQUAL(image_runs_at(&info, 0x1000), 0);
    CHECK_EQUAL(image_runs_at(&info, 0x2000), ERR_SLOT_BOUND);
    p.body_head = "00"; // neither table nor ROM_FIXED: nowhere
    CHECK_EQUAL(parse(), 0);
    CHECK_EQUAL(image_runs_at(&info, 0), ERR_SLOT_BOUND);
}

static void body(void) {
    p.img_size = 44;
    p.body_head = "00";
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.img_size = 48;
    p.body_head = "00";
    CHECK_EQUAL(parse(), 0);
    p.body_head = "524c4f43 44000000 2c000000"; // the table's head would end behind the body
    CHECK_EQUAL(parse(), ERR_RELOCATION);
    p.body_head = "524c4f43 28000000 2c000000";
    CHECK_EQUAL(parse(), ERR_RELOCATION);
    p.body_head = "524c4f43 3e000000 2c000000";
    CHECK_EQUAL(parse(), ERR_RELOCATION);
    p.body_head = "524c4f43 00000000 2c000000";
    CHECK_EQUAL(parse(), ERR_RELOCATION);
    p.body_head = "524c4f43 40000000 3c000000"; // 20 bytes to the body's end
    CHECK_EQUAL(parse(), 0);
    p.body_head = "524c4f43 40000000 3d000000";
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.body_head = "524c4f43 40000000 ffffffff";
    CHECK_EQUAL(parse(), ERR_FORMAT);
}

static void protected_area(void) {
    static const struct {
        const char *tlvs;
        int err;
    } cases[] = {
        {VID CID, 0},
        {CID VID "4000 0000 6000 0100 aa a000 0000 ffff 0200 aaaa", 0},
        {VID, ERR_IDENTITY},
        {CID, ERR_IDENTITY},
        {VID CID VID, ERR_FORMAT},
        {VID CID CID, ERR_FORMAT},
        {VID CID "5000 0400 00000000 5000 0400 00000000", ERR_FORMAT},
        {VID CID "5000 0200 0000", ERR_FORMAT},
        {VID "7500 0f00 101112131415161718191a1b1c1d1e", ERR_FORMAT},
        {VID CID "9f00 0000", ERR_FORMAT},
        {VID CID "0000 0000", ERR_FORMAT},
        {VID CID DIGEST, ERR_FORMAT},
        {VID CID KEYHASH, ERR_FORMAT},
        {VID CID ECDSA, ERR_FORMAT},
        {VID CID ED25519, ERR_FORMAT},
        {VID CID "a000 0100", ERR_FORMAT}, // one byte, which is not there
        {VID CID "a000 00", ERR_FORMAT},   // half a head
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p.protected_tlvs = cases[i].tlvs;
        check_context = cases[i].tlvs;
        CHECK_EQUAL(parse(), cases[i].err);
    }
    check_context = "";
    p.protected_tlvs = VID CID;
    p.protected_size = 4 + 40 - 1; // header and area disagree
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.protected_size = 4 + 40 + 1;
    p.protected_tlvs = VID CID;
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.protected_tlvs = VID CID "a000 0000";
    p.protected_size = 4 + 40; // whole entries, and a rest that nobody reads
    CHECK_EQUAL(parse(), ERR_FORMAT);
    p.protect_tlv_size = 3;
    CHECK_EQUAL(parse(), ERR_FORMAT);
}

static void plain_area(void) {
    static const struct {
        const char *tlvs;
        int err;
    } cases[] = {
        {KEYHASH ECDSA DIGEST, 0},
        {DIGEST KEYHASH ED25519, 0},
        {KEYHASH ECDSA, ERR_FORMAT},
        {DIGEST KEYHASH, ERR_SIGNATURE},
        {DIGEST, ERR_SIGNATURE},
        {DIGEST ECDSA, ERR_FORMAT},
        {DIGEST ECDSA KEYHASH, ERR_FORMAT},
        {DIGEST DIGEST KEYHASH ECDSA, ERR_FORMAT},
        {DIGEST KEYHASH KEYHASH ECDSA, ERR_FORMAT},
        {DIGEST KEYHASH ECDSA ECDSA, ERR_FORMAT},
        {DIGEST KEYHASH ECDSA ED25519, ERR_FORMAT},
        {DIGEST KEYHASH ECDSA "5000 0400 00000000", ERR_FORMAT},
        {DIGEST KEYHASH ECDSA VID, ERR_FORMAT},
        {DIGEST KEYHASH ECDSA "a000 0000", ERR_FORMAT},
        {DIGEST KEYHASH "2200 0800 3006020101020100", ERR_FORMAT},   // s = 0
        {DIGEST KEYHASH "2200 0900 300602010102010200", ERR_FORMAT}, // a byte behind
        {DIGEST KEYHASH "2200 0000", ERR_FORMAT},
        {DIGEST KEYHASH "2400 0100 00", ERR_FORMAT},
        {DIGEST KEYHASH ECDSA "00", ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        p.plain_tlvs = cases[i].tlvs;
        check_context = cases[i].tlvs;
        CHECK_EQUAL(parse(), cases[i].err);
    }
    check_context = "";
}

int main(void) {
    p = good;
    header();
    load_address();
    body();
    protected_area();
    plain_area();
    return 0;
}
