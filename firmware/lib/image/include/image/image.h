// SPDX-License-Identifier: Apache-2.0
// Reader of signed images (FORMAT.md): header, TLVs, canonical digest. It checks form; whether
// keys, identity and counter are right is the caller's to decide.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Where bytes come from: a slot, a file in RAM, a part of either. `read` copies `size` bytes at
// `offset` and returns 0 or an error, which the readers below pass on.
struct image_source {
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

// Reads what lies at offset 0 of `image`, whose place holds `max_size` bytes, and checks every rule
// of FORMAT.md but the content of the relocation table (reloc_check) and of the signature.
// ERR_FORMAT; ERR_UNSUPPORTED (unknown flag); ERR_NO_SPACE (larger than max_size); ERR_SIGNATURE
// (none); ERR_IDENTITY (VID or CID missing); ERR_RELOCATION (place of the table); errors of the
// source.
int image_parse(struct image_info *info, const struct image_source *image, uint32_t max_size);

// May it run with its header at `address`? 0 or ERR_SLOT_BOUND.
int image_runs_at(const struct image_info *info, uint32_t address);

// Less than, equal to or greater than 0, as `a` is older than, equal to or newer than `b`.
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

// SHA-256 over header, canonical body and protected area, read through `buf` of any size.
// `slot_a_body` is where slot A's body lies, `body` where this image's body lies now (both in the
// CPU's view); the words are moved back by the difference. Checks the relocation table on the way,
// also where nothing is to be moved: ERR_RELOCATION.
struct image_place {
    uint32_t slot_a_body;
    uint32_t body;
};
int image_canonical_digest(const struct image_info *info, const struct image_source *image,
                           const struct image_place *place, uint8_t *buf, uint32_t buf_size,
                           uint8_t digest[32]);
