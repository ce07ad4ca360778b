// SPDX-License-Identifier: Apache-2.0
// Reader of signed images (FORMAT.md): header, TLVs, canonical digest. It checks form; whether
// keys, identity and counter are right is the caller's to decide.
#pragma once
#include "hal/language.h"

#include <stdbool.h>
#include <stdint.h>

C_BEGIN

// Where bytes come from: a slot, a file in RAM, a part of either.
struct image_source {
    // Copies `size` bytes at `offset`. ERR_RANGE past the end; errors of hal_flash_read. The
    // readers below pass them on.
    int (*read)(void *ctx, uint32_t offset, void *to, uint32_t size);
    void *ctx;
};

struct image_version {
    uint8_t major, minor;
    uint16_t revision;
    uint32_t build;
};

enum image_sig_alg { IMAGE_SIG_ES256 = 1, IMAGE_SIG_ED25519 = 2 };

struct image_info {
    // header
    uint32_t load_addr;
    uint32_t hdr_size;
    uint32_t protected_size;
    uint32_t body_size;
    bool rom_fixed;
    struct image_version version;
    // protected TLVs
    uint32_t counter;
    uint8_t vid[16];
    uint8_t cid[16];
    // plain TLVs
    uint8_t digest[32];
    uint8_t keyhash[32];
    enum image_sig_alg sig_alg;
    uint8_t sig[64]; // ES256: raw r‖s; Ed25519: as it is
    // body; both offsets count from the body's start and are 0 unless has_reloc
    bool has_reloc;
    uint32_t reloc_offset;
    uint32_t build_id_offset;

    uint32_t hashed_size; // header, body and protected area: what `digest` covers
    uint32_t file_size;   // all of it; nothing behind was read
};

enum { IMAGE_HEADER_BYTES = 32, IMAGE_HEADER_MAX_BYTES = 4096 }; // the latter: with its padding

// Fills what stands in the header's own bytes. ERR_FORMAT; ERR_UNSUPPORTED (unknown flag). Whether
// what it promises is there is image_parse()'s to say.
int image_header(struct image_info *info, const uint8_t header[IMAGE_HEADER_BYTES]);

// Reads what lies at offset 0 of `image`, whose place holds `max_size` bytes, and checks every rule
// of FORMAT.md but the content of the relocation table and of the signature.
// ERR_FORMAT; ERR_UNSUPPORTED (unknown flag); ERR_NO_SPACE (larger than max_size); ERR_SIGNATURE
// (none); ERR_IDENTITY (VID or CID missing); ERR_RELOCATION (place of the table); errors of the
// source.
int image_parse(struct image_info *info, const struct image_source *image, uint32_t max_size);

// May it run with its header at `address`? 0 or ERR_SLOT_BOUND.
int image_runs_at(const struct image_info *info, uint32_t address);

// Less than, equal to or greater than 0 (no enum err), as `a` is older than, equal to or newer
// than `b`.
int image_version_compare(const struct image_version *a, const struct image_version *b);

// A part of another source: offset 0 of `source` is `start` there; reading past `size` is
// ERR_RANGE. Must stay where it is while `source` is in use.
struct image_part {
    const struct image_source *whole;
    uint32_t start, size;
    struct image_source source;
};
void image_part_init(struct image_part *part, const struct image_source *whole, uint32_t start,
                     uint32_t size);

// Where things lie in the CPU's view.
struct image_place {
    uint32_t slot_a_body; // slot A's body, which the image was linked for
    uint32_t body;        // this image's body now
};

// SHA-256 over header, canonical body and protected area: the words are moved back by the
// difference. Checks the relocation table on the way, also where nothing is to be moved.
// ERR_RELOCATION; errors of the source.
int image_canonical_digest(const struct image_info *info, const struct image_source *image,
                           const struct image_place *place, uint8_t digest[32]);

C_END
