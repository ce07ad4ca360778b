// SPDX-License-Identifier: Apache-2.0
// Manifests (docs/protocol.md): what an offer promises, and whether this device may take it.
// Reads and compares only; everything that decides is passed in.
#pragma once
#include "image/image.h"
#include "slots/trust.h"
#include <stddef.h>
#include <stdint.h>

enum { MANIFEST_MAX_BYTES = 1024 };

struct manifest {
    uint8_t vid[16], cid[16];
    struct image_version version;
    uint32_t counter;
    uint8_t image_digest[32];
    uint8_t blob_digest[32];
    uint32_t blob_bytes;
    uint32_t least_boot, least_agent;
    bool has_from;
    bool from_running; // the running version is one that this may follow
};

struct manifest_policy {
    const struct keyset *keyset;
    bool development; // keys of role image-dev count
    const uint8_t *vid, *cid;
    uint32_t floor; // lowest counter that may be installed
    struct image_version running;
    uint32_t boot_version, agent_version;
    uint32_t slot_bytes;
};

// 0 if the device may install what `data` offers: signature by an image key of the keyset,
// identity, counter, versions that it may follow, least versions, size. On error `m` holds what
// could be read, for a report only (image_digest is zeros if nothing could). ERR_RANGE (longer than
// 1,024 bytes), ERR_FORMAT, ERR_UNSUPPORTED (a component or a critical field that this agent does
// not know, or a bootloader or agent older than demanded), ERR_SIGNATURE, ERR_IDENTITY,
// ERR_ROLLBACK, ERR_STATE (may not follow the running version), ERR_NO_SPACE.
int manifest_check(struct manifest *m, const uint8_t *data, size_t size,
                   const struct manifest_policy *policy);
