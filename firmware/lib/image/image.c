// SPDX-License-Identifier: Apache-2.0
// Header, body head and TLVs of an image (FORMAT.md sections 1 and 2). Everything here is hostile
// until the signature has been checked, so sizes are compared by subtraction, in the order they are
// read.
#include "image/image.h"
#include "crypto/p256.h"
#include "hal/err.h"
#include "image/reloc.h"
#include "load.h"
#include <string.h>

enum {
    BODY_MIN_BYTES = 48, // so the words at +0x20 and a build id fit
    FLAG_ROM_FIXED = 0x100,
    AREA_HEAD_BYTES = 4,
    ENTRY_HEAD_BYTES = 4,
    AREA_PROTECTED = 0x6908,
    AREA_PLAIN = 0x6907,
    BUILD_ID_BYTES = 20,
};

static const uint32_t image_magic = 0x96f3b83d;

enum tlv {
    TLV_KEYHASH = 0x01,
    TLV_SHA256 = 0x10,
    TLV_ECDSA = 0x22,
    TLV_ED25519 = 0x24,
    TLV_DEPENDENCY = 0x40,
    TLV_SEC_CNT = 0x50,
    TLV_BOOT_RECORD = 0x60,
    TLV_VID = 0x74,
    TLV_CID = 0x75,
    TLV_VENDOR = 0xa0, // and above
    ECDSA_MAX_BYTES = 72,
};

// Which TLVs have been seen, to refuse a second.
enum seen {
    SEEN_SEC_CNT = 1,
    SEEN_VID = 2,
    SEEN_CID = 4,
    SEEN_DIGEST = 8,
    SEEN_KEYHASH = 16,
    SEEN_SIGNATURE = 32,
};

int image_header(struct image_info *info, const uint8_t h[IMAGE_HEADER_BYTES]) {
    uint32_t flags = load_u32(h + 16);
    info->load_addr = load_u32(h + 4);
    info->hdr_size = load_u16(h + 8);
    info->protected_size = load_u16(h + 10);
    info->body_size = load_u32(h + 12);
    info->rom_fixed = (flags & FLAG_ROM_FIXED) != 0;
    info->version =
        (struct image_version){h[20], h[21], (uint16_t)load_u16(h + 22), load_u32(h + 24)};
    if (load_u32(h) != image_magic || load_u32(h + 28) != 0) {
        return ERR_FORMAT;
    }
    if ((flags & ~(uint32_t)FLAG_ROM_FIXED) != 0) {
        return ERR_UNSUPPORTED;
    }
    bool good = info->hdr_size >= IMAGE_HEADER_BYTES && info->hdr_size <= IMAGE_HEADER_MAX_BYTES &&
                info->hdr_size % 4 == 0 && info->protected_size >= AREA_HEAD_BYTES &&
                info->body_size >= BODY_MIN_BYTES && (info->rom_fixed || info->load_addr == 0);
    return good ? 0 : ERR_FORMAT;
}

static int read_header(struct image_info *info, const struct image_source *image,
                       uint32_t max_size) {
    uint8_t h[IMAGE_HEADER_BYTES];
    if (max_size < sizeof h) {
        return ERR_NO_SPACE;
    }
    int err = image->read(image->ctx, 0, h, sizeof h);
    if (err < 0) {
        return err;
    }
    err = image_header(info, h);
    if (err < 0) {
        return err;
    }
    if (info->hdr_size > max_size || info->body_size > max_size - info->hdr_size ||
        info->protected_size > max_size - info->hdr_size - info->body_size) {
        return ERR_NO_SPACE;
    }
    info->hashed_size = info->hdr_size + info->body_size + info->protected_size;
    return 0;
}

// The three words at +0x20 (FORMAT.md section 2).
static int read_body_head(struct image_info *info, const struct image_source *image) {
    uint8_t head[RELOC_WORDS_END];
    int err = image->read(image->ctx, info->hdr_size, head, sizeof head);
    if (err < 0) {
        return err;
    }
    uint32_t table = reloc_table_offset(head, sizeof head);
    if (table == 0) {
        return 0;
    }
    info->has_reloc = true;
    info->reloc_offset = table;
    info->build_id_offset = load_u32(head + RELOC_WORDS_END - 4);
    if (info->rom_fixed || info->build_id_offset > info->body_size - BUILD_ID_BYTES) {
        return ERR_FORMAT;
    }
    return reloc_place_valid(table, info->body_size) ? 0 : ERR_RELOCATION;
}

// Reads a TLV that must have `size` bytes.
static int take(const struct image_source *image, uint32_t offset, uint32_t actual, void *to,
                uint32_t size) {
    return actual == size ? image->read(image->ctx, offset, to, size) : ERR_FORMAT;
}

// A TLV that may come once only.
static int note(unsigned *seen, unsigned bit) {
    if ((*seen & bit) != 0) {
        return ERR_FORMAT;
    }
    *seen |= bit;
    return 0;
}

struct entry {
    uint32_t type, size, offset; // offset of its data in the image
};

static int protected_entry(struct image_info *info, const struct image_source *image,
                           const struct entry *e, unsigned *seen) {
    uint8_t counter[4];
    int err;
    switch (e->type) {
    case TLV_SEC_CNT:
        err = note(seen, SEEN_SEC_CNT);
        err = err < 0 ? err : take(image, e->offset, e->size, counter, sizeof counter);
        info->counter = err < 0 ? 0 : load_u32(counter);
        return err;
    case TLV_VID:
        err = note(seen, SEEN_VID);
        return err < 0 ? err : take(image, e->offset, e->size, info->vid, sizeof info->vid);
    case TLV_CID:
        err = note(seen, SEEN_CID);
        return err < 0 ? err : take(image, e->offset, e->size, info->cid, sizeof info->cid);
    case TLV_DEPENDENCY:
    case TLV_BOOT_RECORD:
        return 0;
    default:
        return e->type >= TLV_VENDOR ? 0 : ERR_FORMAT;
    }
}

static int read_ecdsa(struct image_info *info, const struct image_source *image,
                      const struct entry *e) {
    uint8_t der[ECDSA_MAX_BYTES];
    if (e->size > sizeof der) {
        return ERR_FORMAT;
    }
    int err = image->read(image->ctx, e->offset, der, e->size);
    info->sig_alg = IMAGE_SIG_ES256;
    return err < 0 ? err : p256_from_der(info->sig, der, e->size);
}

static int plain_entry(struct image_info *info, const struct image_source *image,
                       const struct entry *e, unsigned *seen) {
    int err;
    switch (e->type) {
    case TLV_SHA256:
        err = note(seen, SEEN_DIGEST);
        return err < 0 ? err : take(image, e->offset, e->size, info->digest, sizeof info->digest);
    case TLV_KEYHASH:
        err = note(seen, SEEN_KEYHASH);
        return err < 0 ? err : take(image, e->offset, e->size, info->keyhash, sizeof info->keyhash);
    case TLV_ECDSA:
    case TLV_ED25519:
        err = note(seen, SEEN_SIGNATURE);
        if (err < 0 || (*seen & SEEN_KEYHASH) == 0) {
            return ERR_FORMAT;
        }
        if (e->type == TLV_ECDSA) {
            return read_ecdsa(info, image, e);
        }
        info->sig_alg = IMAGE_SIG_ED25519;
        return take(image, e->offset, e->size, info->sig, sizeof info->sig);
    default:
        return ERR_FORMAT;
    }
}

struct area {
    uint32_t magic, start;
    uint32_t size; // its head included
};

// Reads the head of the area at a->start; it has `room` bytes to the end of what it may use.
static int open_area(const struct image_source *image, struct area *a, uint32_t room) {
    uint8_t head[AREA_HEAD_BYTES];
    if (room < sizeof head) {
        return ERR_NO_SPACE;
    }
    int err = image->read(image->ctx, a->start, head, sizeof head);
    if (err < 0) {
        return err;
    }
    a->size = load_u16(head + 2);
    if (load_u16(head) != a->magic || a->size < sizeof head) {
        return ERR_FORMAT;
    }
    return a->size > room ? ERR_NO_SPACE : 0;
}

static int read_area(struct image_info *info, const struct image_source *image,
                     const struct area *a, unsigned *seen) {
    uint32_t end = a->start + a->size;
    uint32_t offset = a->start + AREA_HEAD_BYTES;
    while (offset < end) {
        uint8_t head[ENTRY_HEAD_BYTES];
        if (end - offset < sizeof head) {
            return ERR_FORMAT;
        }
        int err = image->read(image->ctx, offset, head, sizeof head);
        if (err < 0) {
            return err;
        }
        offset += ENTRY_HEAD_BYTES;
        struct entry e = {load_u16(head), load_u16(head + 2), offset};
        if (e.size > end - offset) {
            return ERR_FORMAT;
        }
        err = a->magic == AREA_PROTECTED ? protected_entry(info, image, &e, seen)
                                         : plain_entry(info, image, &e, seen);
        if (err < 0) {
            return err;
        }
        offset += e.size;
    }
    return 0;
}

static int read_areas(struct image_info *info, const struct image_source *image,
                      uint32_t max_size) {
    unsigned seen = 0;
    struct area protected = {.magic = AREA_PROTECTED, .start = info->hdr_size + info->body_size};
    struct area plain = {.magic = AREA_PLAIN, .start = info->hashed_size};
    int err = open_area(image, &protected, info->protected_size);
    if (err < 0) {
        return err == ERR_NO_SPACE ? ERR_FORMAT : err; // the header said another size
    }
    if (protected.size != info->protected_size) {
        return ERR_FORMAT;
    }
    err = read_area(info, image, &protected, &seen);
    if (err < 0) {
        return err;
    }
    if ((seen & SEEN_VID) == 0 || (seen & SEEN_CID) == 0) {
        return ERR_IDENTITY;
    }
    err = open_area(image, &plain, max_size - info->hashed_size);
    if (err < 0) {
        return err;
    }
    info->file_size = info->hashed_size + plain.size;
    err = read_area(info, image, &plain, &seen);
    if (err < 0) {
        return err;
    }
    if ((seen & SEEN_DIGEST) == 0) {
        return ERR_FORMAT;
    }
    return (seen & SEEN_SIGNATURE) != 0 ? 0 : ERR_SIGNATURE;
}

int image_parse(struct image_info *info, const struct image_source *image, uint32_t max_size) {
    memset(info, 0, sizeof *info);
    int err = read_header(info, image, max_size);
    if (err < 0) {
        return err;
    }
    err = read_areas(info, image, max_size);
    if (err < 0) {
        return err;
    }
    return read_body_head(info, image);
}

int image_runs_at(const struct image_info *info, uint32_t address) {
    if (info->rom_fixed) {
        return info->load_addr == address ? 0 : ERR_SLOT_BOUND;
    }
    return info->has_reloc ? 0 : ERR_SLOT_BOUND;
}

int image_version_compare(const struct image_version *a, const struct image_version *b) {
    uint32_t x = (uint32_t)a->major << 24 | (uint32_t)a->minor << 16 | a->revision;
    uint32_t y = (uint32_t)b->major << 24 | (uint32_t)b->minor << 16 | b->revision;
    if (x == y) {
        x = a->build;
        y = b->build;
    }
    return (x > y) - (x < y);
}

static int read_part(void *ctx, uint32_t offset, void *to, uint32_t size) {
    const struct image_part *part = ctx;
    if (offset > part->size || size > part->size - offset) {
        return ERR_RANGE;
    }
    return part->whole->read(part->whole->ctx, part->start + offset, to, size);
}

void image_part_init(struct image_part *part, const struct image_source *whole, uint32_t start,
                     uint32_t size) {
    *part = (struct image_part){.whole = whole, .start = start, .size = size};
    part->source = (struct image_source){.read = read_part, .ctx = part};
}
