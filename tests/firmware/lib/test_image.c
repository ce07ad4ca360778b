// SPDX-License-Identifier: Apache-2.0
// Images spoiled in every way that can be enumerated: each bit, each truncation, each failing read.
#include "check.h"
#include "image/image.h"
#include "image/reloc.h"
#include "judge.h"
#include "memory_source.h"
#include "vectors.h"

static uint8_t in_a[1024], in_b[1024];
static uint32_t size, header;

static void load(void) {
    struct vector v = {0};
    load_product();
    vector_load(&v, "image_good", "plain");
    size = vector_hex(&v, "image", in_a, sizeof in_a);
    header = vector_number(&v, "hdr_size");
    CHECK(vector_hex(&v, "in_slot_b", in_b, sizeof in_b) == size);
    free(v.text);
}

static void every_flipped_bit_is_refused(uint8_t *image, uint32_t slot) {
    struct memory m;
    memory_init(&m, image, size);
    CHECK_EQUAL(judge(&m, slot, header), 0);
    for (uint32_t bit = 0; bit < size * 8; bit++) {
        image[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(judge(&m, slot, header) < 0);
        image[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK_EQUAL(judge(&m, slot, header), 0);
}

// A place that is too small, with nothing readable behind it.
static void every_truncation_is_refused(void) {
    struct image_info info;
    for (uint32_t n = 0; n < size; n++) {
        uint8_t *part = malloc(n);
        struct memory m;
        memcpy(part, in_a, n);
        memory_init(&m, part, n);
        CHECK_EQUAL(image_parse(&info, &m.source, n), ERR_NO_SPACE);
        free(part);
    }
}

static void nothing_behind_the_last_tlv_is_read(void) {
    struct image_info info;
    struct memory m;
    memory_init(&m, in_a, size);
    CHECK_EQUAL(image_parse(&info, &m.source, UINT32_MAX), 0); // the source objects to more
    CHECK_EQUAL(info.file_size, size);
}

static int reads_left;

static int failing_read(void *ctx, uint32_t offset, void *to, uint32_t n) {
    return reads_left-- > 0 ? memory_read(ctx, offset, to, n) : ERR_ECC;
}

static void every_failing_read_is_passed_on(void) {
    struct memory m;
    memory_init(&m, in_b, size);
    m.source.read = failing_read;
    int err = ERR_ECC;
    for (int n = 0; err != 0; n++) {
        reads_left = n;
        err = judge(&m, product.slot_b, header);
        CHECK(err == ERR_ECC || err == 0);
        CHECK(n < 200);
    }
}

static void in_slot_b_it_has_the_same_digest(void) {
    struct image_info info;
    struct memory m;
    const struct image_place place = {product.slot_a + header, product.slot_b + header};
    memory_init(&m, in_b, size);
    CHECK_EQUAL(image_parse(&info, &m.source, size), 0);
    uint8_t digest[32];
    CHECK_EQUAL(image_canonical_digest(&info, &m.source, &place, digest), 0);
    CHECK(check_same(digest, info.digest, 32));
}

static void versions_are_ordered(void) {
    static const struct image_version rising[] = {
        {0, 0, 0, 0},          {0, 0, 0, 1}, {0, 0, 0, UINT32_MAX}, {0, 0, 1, 0},
        {0, 0, UINT16_MAX, 0}, {0, 1, 0, 0}, {0, 255, 0, 0},        {1, 0, 0, 0},
        {1, 0, 0, 1},          {2, 0, 0, 0}, {255, 255, 65535, 0},
    };
    int n = sizeof rising / sizeof rising[0];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            CHECK_EQUAL(image_version_compare(&rising[i], &rising[j]), (i > j) - (i < j));
        }
    }
}

int main(void) {
    load();
    every_flipped_bit_is_refused(in_a, product.slot_a);
    every_flipped_bit_is_refused(in_b, product.slot_b);
    every_truncation_is_refused();
    nothing_behind_the_last_tlv_is_read();
    every_failing_read_is_passed_on();
    in_slot_b_it_has_the_same_digest();
    versions_are_ordered();
    return 0;
}
