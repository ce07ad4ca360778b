// SPDX-License-Identifier: Apache-2.0
// The image reader: the input is a slot. Nothing outside is read, and what is accepted lies inside.
#include "image/reloc.h"
#include "lib/memory_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct memory slot;
    struct image_info info;
    uint8_t digest[32];
    memory_init(&slot, data, (uint32_t)size);
    if (image_parse(&info, &slot.source, (uint32_t)size) < 0) {
        return 0;
    }
    CHECK(info.file_size <= size && info.hashed_size < info.file_size);
    CHECK(info.body_size <= info.hashed_size - info.hdr_size);
    CHECK(!info.has_reloc || reloc_place_valid(info.reloc_offset, info.body_size));
    CHECK(info.build_id_offset <= info.body_size - (info.has_reloc ? 20 : 0));
    CHECK(info.sig_alg == IMAGE_SIG_ES256 || info.sig_alg == IMAGE_SIG_ED25519);
    struct image_place place = {0x21400020, 0x21500020};
    (void)image_runs_at(&info, 0x21400000);
    (void)image_canonical_digest(&info, &slot.source, &place, digest);
    return 0;
}
