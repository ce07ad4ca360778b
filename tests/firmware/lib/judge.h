// SPDX-License-Identifier: Apache-2.0
// A device's verdict on an image, from the library's parts alone, for the product of the vectors.
#pragma once
#include "check.h"
#include "crypto/p256.h"
#include "image/image.h"
#include "memory_source.h"
#include "vectors.h"

static struct {
    uint32_t slot_a, slot_b, floor;
    uint8_t vid[16], cid[16], key[64], keyhash[32];
} product;

static inline void load_product(void) {
    struct vector v = {0};
    vector_load(&v, "keys", "product");
    product.slot_a = vector_number(&v, "slot_a");
    product.slot_b = vector_number(&v, "slot_b");
    product.floor = vector_number(&v, "floor");
    vector_hex(&v, "vid", product.vid, 16);
    vector_hex(&v, "cid", product.cid, 16);
    vector_load(&v, "keys", "image");
    vector_hex(&v, "public", product.key, 64);
    vector_hex(&v, "keyhash", product.keyhash, 32);
    free(v.text);
}

// As a device would judge it; `header` is what slot A's images of this vector have.
static inline int judge(struct memory *m, uint32_t slot, uint32_t header) {
    struct image_info info;
    uint8_t digest[32];
    struct image_place place = {product.slot_a + header, slot + header};
    int err = image_parse(&info, &m->source, m->size);
    if (err < 0) {
        return err;
    }
    if (memcmp(info.vid, product.vid, 16) != 0 || memcmp(info.cid, product.cid, 16) != 0) {
        return ERR_IDENTITY;
    }
    if (info.counter < product.floor) {
        return ERR_ROLLBACK;
    }
    err = image_runs_at(&info, slot);
    err = err < 0 ? err : image_canonical_digest(&info, &m->source, &place, digest);
    if (err < 0) {
        return err;
    }
    if (memcmp(digest, info.digest, 32) != 0) {
        return ERR_DIGEST;
    }
    return memcmp(info.keyhash, product.keyhash, 32) != 0
               ? ERR_SIGNATURE
               : p256_verify(product.key, digest, info.sig);
}
