// SPDX-License-Identifier: Apache-2.0
// The full check of an image in its slot. Cheap refusals first, the signature last.
#include "slots/check.h"

#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "hal/err.h"
#include "hal/wdt.h"

#include <string.h>

enum { FEED_BYTES = 4096 };

struct slot_bytes {
    const struct hal_flash *flash;
    struct hal_area area;
};

static int read_slot(void *ctx, uint32_t offset, void *to, uint32_t size) {
    const struct slot_bytes *s = ctx;
    if (offset > s->area.size || size > s->area.size - offset) {
        return ERR_RANGE;
    }
    if (offset / FEED_BYTES != (offset + size) / FEED_BYTES) {
        hal_wdt_feed(); // a large slot takes longer than the watchdog waits
    }
    return hal_flash_read(s->flash, s->area.offset + offset, to, size);
}

uintptr_t slot_address(const struct hal_layout *layout, int slot) {
    return layout->flash->base + layout->slot[slot].offset;
}

static int check_content(const struct slot_policy *policy, int slot, const struct image_info *info,
                         const struct image_source *image) {
    uint8_t digest[SHA256_BYTES];
    struct image_place place = {
        .slot_a_body = (uint32_t)slot_address(policy->layout, 0) + info->hdr_size,
        .body = (uint32_t)slot_address(policy->layout, slot) + info->hdr_size,
    };
    int err = image_canonical_digest(info, image, &place, digest);
    if (err < 0) {
        return err;
    }
    return memcmp(digest, info->digest, sizeof(digest)) == 0 ? 0 : ERR_DIGEST;
}

// Not inlined: its many constant errors would be threaded through the caller.
__attribute__((noinline)) int slot_check(const struct slot_policy *policy, int slot,
                                         struct image_info *out) {
    const struct boot_params *params = policy->params;
    struct slot_bytes s = {.flash = policy->layout->flash, .area = policy->layout->slot[slot]};
    const struct image_source image = {.read = read_slot, .ctx = &s};
    int err = image_parse(out, &image, s.area.size);
    if (err < 0) {
        return err;
    }
    if (memcmp(out->vid, params->vid, sizeof(out->vid)) != 0 ||
        memcmp(out->cid, params->cid, sizeof(out->cid)) != 0) {
        return ERR_IDENTITY;
    }
    if (out->counter < policy->floor) {
        return ERR_ROLLBACK;
    }
    err = image_runs_at(out, (uint32_t)slot_address(policy->layout, slot));
    if (err < 0) {
        return err;
    }
    if (out->sig_alg != IMAGE_SIG_ES256) {
        return ERR_UNSUPPORTED;
    }
    err = check_content(policy, slot, out, &image);
    if (err < 0) {
        return err;
    }
    const struct keyset_key *key;
    err = keyset_find_image_key(policy->keys, out->keyhash, policy->development, &key);
    return err < 0 ? err : p256_verify(key->key, out->digest, out->sig);
}
