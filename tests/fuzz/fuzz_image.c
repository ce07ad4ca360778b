// SPDX-License-Identifier: Apache-2.0
// The image reader: the input is a slot. Nothing outside is read, and what is accepted lies inside.
#include "check.h"
#include "image/image.h"
#include "image/reloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct slot {
    const uint8_t *bytes;
    size_t size;
};

static int read_slot(void *ctx, uint32_t offset, void *to, uint32_t size) {
    const struct slot *s = ctx;
    CHECK(offset <= s->size && size <= s->size - offset);
    memcpy(to, s->bytes + offset, size);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slot s = {data, size};
    const struct image_source source = {read_slot, &s};
    struct image_info info;
    uint8_t digest[32];
    if (image_parse(&info, &source, (uint32_t)size) < 0) {
        return 0;
    }
    CHECK(info.file_size <= size && info.hashed_size < info.file_size);
    CHECK(info.body_size <= info.hashed_size - info.hdr_size);
    CHECK(!info.has_reloc || reloc_place_valid(info.reloc_offset, info.body_size));
    CHECK(info.build_id_offset <= info.body_size - (info.has_reloc ? 20 : 0));
    CHECK(info.sig_alg == IMAGE_SIG_ES256 || info.sig_alg == IMAGE_SIG_ED25519);
    struct image_place place = {0x21400020, 0x21500020};
    (void)image_runs_at(&info, 0x21400000);
    (void)image_canonical_digest(&info, &source, &place, digest);
    return 0;
}
