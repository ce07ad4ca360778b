// SPDX-License-Identifier: Apache-2.0
// The golden vectors that firmware/lib alone can judge (tests/vectors/README.md).
#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "check.h"
#include "crypto/hmac.h"
#include "crypto/p256.h"
#include "image/image.h"
#include "image/reloc.h"
#include "judge.h"
#include "memory_source.h"
#include "table.h"
#include "vectors.h"

enum { BODY_MAX_BYTES = 8192 };

static void der(const struct vector *v) {
    uint8_t bytes[80], raw[64], sig[64];
    check_context = v->name;
    uint32_t size = vector_hex(v, "der", bytes, sizeof bytes);
    CHECK_EQUAL(p256_from_der(sig, bytes, size), vector_expect(v));
    if (vector_expect(v) == 0) {
        CHECK(vector_hex(v, "raw", raw, 64) == 64 && check_same(raw, sig, 64));
    }
}

static void cbor(const struct vector *v) {
    uint8_t item[256];
    struct cbor_in in;
    check_context = v->name;
    cbor_in_init(&in, item, vector_hex(v, "item", item, sizeof item));
    (void)cbor_skip(&in);
    // which of several reasons a reader names is its own affair
    CHECK((cbor_done(&in) == 0) == (vector_expect(v) == 0));
}

static void derived(const struct vector *v) {
    uint8_t z[32], server[64], device[64], key[32], out[32], id[32], token[16], info[256];
    check_context = v->name;
    vector_hex(v, "z", z, 32);
    vector_hex(v, "server", server, 64);
    if (vector_find(v, "purpose", 0) == NULL) { // the shared secret itself
        vector_hex(v, "device_private", key, 32);
        CHECK(p256_ecdh(out, key, server) == 0 && check_same(out, z, 32));
        return;
    }
    char purpose[16] = {0};
    sscanf(vector_must(v, "purpose"), "%15s", purpose);
    vector_hex(v, "device", device, 64);
    vector_hex(v, "key", key, 32);
    sha256(device, 64, id); // of which the id is the first half
    struct cbor_out o;
    cbor_out_init(&o, info, sizeof info);
    cbor_put_array(&o, 5);
    cbor_put_text(&o, "unitool1");
    cbor_put_text(&o, purpose);
    cbor_put_bytes(&o, device, 64);
    cbor_put_bytes(&o, server, 64);
    cbor_put_bytes(&o, id, 16);
    CHECK(o.err == 0);
    size_t token_size = vector_hex(v, "token", token, 16);
    hkdf(&(struct hkdf_input){token, z, info, token_size, 32, o.used}, out);
    CHECK(check_same(out, key, 32));
}

static int open_table(struct reloc *r, struct memory *m, uint32_t base) {
    int ready = reloc_head_ready(m->bytes, m->size, m->size);
    if (ready < 0) {
        return ready;
    }
    uint32_t table = reloc_table_offset(m->bytes, m->size);
    int err = reloc_open(r, &m->source, table, m->size, base);
    return err < 0 ? err : table_check(r);
}

static void relocation_bad(const struct vector *v) {
    uint8_t body[BODY_MAX_BYTES];
    struct memory m;
    struct reloc r;
    check_context = v->name;
    memory_init(&m, body, vector_hex(v, "body", body, sizeof body));
    CHECK_EQUAL(open_table(&r, &m, vector_number(v, "base")), vector_expect(v));
}

static void relocation_good(const struct vector *v) {
    uint8_t body[BODY_MAX_BYTES], moved[BODY_MAX_BYTES], is[BODY_MAX_BYTES];
    struct memory m;
    struct reloc r;
    check_context = v->name;
    uint32_t size = vector_hex(v, "body", body, sizeof body), delta = vector_number(v, "delta");
    memory_init(&m, body, size);
    CHECK_EQUAL(open_table(&r, &m, vector_number(v, "base")), 0);
    memcpy(is, body, size);
    CHECK(reloc_apply(&r, delta, is, size) == 0 && reloc_done(&r) == 0);
    if (!vector_is(v, "moved", "-")) {
        CHECK(vector_hex(v, "moved", moved, sizeof moved) == size);
        CHECK(check_same(is, moved, size));
    }
    CHECK(reloc_seek(&r, 0, 0, false) == 0 && reloc_apply(&r, 0 - delta, is, size) == 0);
    CHECK(check_same(is, body, size));
}

static void image_bad(const struct vector *v) {
    uint8_t image[BODY_MAX_BYTES];
    struct memory m;
    check_context = v->name;
    memory_init(&m, image, vector_hex(v, "image", image, sizeof image));
    CHECK_EQUAL(judge(&m, product.slot_a, 32), vector_expect(v));
}

static void fields_are_right(const struct vector *v, const struct image_info *info) {
    uint8_t digest[32];
    vector_hex(v, "digest", digest, 32);
    CHECK(check_same(info->digest, digest, 32));
    CHECK_EQUAL(info->counter, vector_number(v, "counter"));
    CHECK_EQUAL(info->hdr_size, vector_number(v, "hdr_size"));
    CHECK_EQUAL(info->body_size, vector_number(v, "body_size"));
    CHECK_EQUAL(info->has_reloc, vector_number(v, "has_reloc"));
    CHECK_EQUAL(info->rom_fixed, vector_number(v, "rom_fixed"));
    CHECK_EQUAL(info->load_addr, vector_number(v, "load_addr"));
}

// Moves the body of `image` from slot A to slot B, as an installer does.
static void move_to_b(struct memory *m, uint8_t *image, const struct image_info *info) {
    struct image_part body;
    struct reloc r;
    image_part_init(&body, &m->source, info->hdr_size, info->body_size);
    CHECK(reloc_open(&r, &body.source, info->reloc_offset, info->body_size,
                     product.slot_a + info->hdr_size) == 0);
    CHECK(reloc_apply(&r, product.slot_b - product.slot_a, image + info->hdr_size,
                      info->body_size) == 0);
}

static void image_good(const struct vector *v) {
    uint8_t image[BODY_MAX_BYTES], in_b[BODY_MAX_BYTES];
    struct memory m;
    struct image_info info;
    check_context = v->name;
    uint32_t size = vector_hex(v, "image", image, sizeof image);
    memory_init(&m, image, size);
    CHECK_EQUAL(image_parse(&info, &m.source, size), 0);
    CHECK_EQUAL(info.file_size, size);
    fields_are_right(v, &info);
    product.floor = info.counter;
    bool for_a = !info.rom_fixed || info.load_addr == product.slot_a;
    bool for_b = !info.rom_fixed || info.load_addr == product.slot_b;
    CHECK_EQUAL(judge(&m, product.slot_a, info.hdr_size), for_a ? 0 : ERR_SLOT_BOUND);
    if (info.has_reloc) {
        move_to_b(&m, image, &info);
    }
    CHECK_EQUAL(judge(&m, product.slot_b, info.hdr_size), for_b ? 0 : ERR_SLOT_BOUND);
    if (vector_find(v, "in_slot_b", 0) != NULL) {
        CHECK(vector_hex(v, "in_slot_b", in_b, sizeof in_b) == size);
        CHECK(check_same(image, in_b, size));
    }
}

static void answer(const struct vector *v) {
    uint8_t message[2048], key[32], tag[32];
    struct cose c;
    check_context = v->name;
    uint32_t size = vector_hex(v, "message", message, sizeof message);
    vector_hex(v, "key", key, 32);
    vector_hex(v, "poll_tag", tag, 32);
    int err = cose_parse_mac0(&c, message, size);
    err = err < 0 ? err : cose_verify_mac0(&c, key, tag, 32);
    if (vector_expect(v) == 0) {
        CHECK_EQUAL(err, 0);
    } else if (vector_expect(v) == ERR_AUTH) {
        CHECK_EQUAL(err, ERR_AUTH);
    }
}

int main(void) {
    load_product();
    CHECK(vector_each("der", der) > 10);
    CHECK(vector_each("cbor", cbor) > 20);
    CHECK(vector_each("derived", derived) > 4);
    CHECK(vector_each("relocation_bad", relocation_bad) > 20);
    CHECK(vector_each("relocation_good", relocation_good) > 5);
    CHECK(vector_each("image_bad", image_bad) > 50);
    CHECK(vector_each("image_good", image_good) > 4);
    CHECK(vector_each("answer", answer) > 10);
    return 0;
}
