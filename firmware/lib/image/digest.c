// SPDX-License-Identifier: Apache-2.0
// The image digest: SHA-256 over the canonical form, wherever the image lies.
#include "crypto/sha256.h"
#include "hal/err.h"
#include "image/image.h"
#include "image/reloc.h"

struct pass {
    const struct image_source *image;
    struct sha256 *hash;
    uint8_t *buf;
    uint32_t buf_size;
};

// Hashes a range of the image; with `r` it is moved by `delta` before.
static int hash_range(const struct pass *p, uint32_t start, uint32_t size, struct reloc *r,
                      uint32_t delta) {
    while (size > 0) {
        uint32_t n = size < p->buf_size ? size : p->buf_size;
        int err = p->image->read(p->image->ctx, start, p->buf, n);
        if (err == 0 && r != NULL) {
            err = reloc_apply(r, delta, p->buf, n);
        }
        if (err < 0) {
            return err;
        }
        sha256_update(p->hash, p->buf, n);
        start += n;
        size -= n;
    }
    return 0;
}

static int hash_body(const struct pass *p, const struct image_info *info,
                     const struct image_place *place) {
    if (!info->has_reloc) {
        return hash_range(p, info->hdr_size, info->body_size, NULL, 0);
    }
    struct image_part body;
    struct reloc r;
    image_part_init(&body, p->image, info->hdr_size, info->body_size);
    int err = reloc_open(&r, &body.source, info->reloc_offset, info->body_size, place->slot_a_body);
    if (err < 0) {
        return err;
    }
    err = hash_range(p, info->hdr_size, info->body_size, &r, place->slot_a_body - place->body);
    return err < 0 ? err : reloc_done(&r);
}

int image_canonical_digest(const struct image_info *info, const struct image_source *image,
                           const struct image_place *place, uint8_t *buf, uint32_t buf_size,
                           uint8_t digest[32]) {
    struct sha256 hash;
    const struct pass p = {image, &hash, buf, buf_size};
    sha256_init(&hash);
    int err = hash_range(&p, 0, info->hdr_size, NULL, 0);
    if (err == 0) {
        err = hash_body(&p, info, place);
    }
    if (err == 0) {
        uint32_t start = info->hdr_size + info->body_size;
        err = hash_range(&p, start, info->hashed_size - start, NULL, 0);
    }
    if (err == 0) {
        sha256_final(&hash, digest);
    }
    return err;
}
