// SPDX-License-Identifier: Apache-2.0
// The image digest: SHA-256 over the canonical form, wherever the image lies.
#include "crypto/sha256.h"
#include "hal/err.h"
#include "image/image.h"
#include "image/reloc.h"

enum { BUFFER_BYTES = 2 * SHA256_BLOCK_BYTES }; // larger hardly pays

struct pass {
    const struct image_source *image;
    struct sha256 hash;
    uint8_t buffer[BUFFER_BYTES];
};

// Hashes a range of the image; with `r` it is moved by `delta` before.
static int hash_range(struct pass *p, uint32_t start, uint32_t size, struct reloc *r,
                      uint32_t delta) {
    while (size > 0) {
        uint32_t n = size < BUFFER_BYTES ? size : BUFFER_BYTES;
        int err = p->image->read(p->image->ctx, start, p->buffer, n);
        if (err == 0 && r != NULL) {
            err = reloc_apply(r, delta, p->buffer, n);
        }
        if (err < 0) {
            return err;
        }
        sha256_update(&p->hash, p->buffer, n);
        start += n;
        size -= n;
    }
    return 0;
}

static int hash_body(struct pass *p, const struct image_info *info,
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
                           const struct image_place *place, uint8_t digest[32]) {
    struct pass p;
    p.image = image;
    sha256_init(&p.hash);
    int err = hash_range(&p, 0, info->hdr_size, NULL, 0);
    if (err == 0) {
        err = hash_body(&p, info, place);
    }
    if (err == 0) {
        uint32_t start = info->hdr_size + info->body_size;
        err = hash_range(&p, start, info->hashed_size - start, NULL, 0);
    }
    if (err == 0) {
        sha256_final(&p.hash, digest);
    }
    return err;
}
