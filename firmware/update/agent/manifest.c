// SPDX-License-Identifier: Apache-2.0
// Reader of manifests. The payload is parsed whatever the signature says, so that a refusal can
// name the image; nothing of it counts unless the signature was right.
#include "manifest.h"

#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "hal/err.h"
#include <string.h>

enum { RANGES_MAX = 8 }; // of `from`

static uint32_t read_number(struct cbor_in *in, uint32_t max) {
    uint32_t value = 0;
    cbor_uint32(in, &value);
    if (in->err == 0 && value > max) {
        in->err = ERR_RANGE;
    }
    return value;
}

static void read_version(struct cbor_in *in, struct image_version *v) {
    uint32_t items = 0;
    cbor_array(in, &items);
    if (in->err == 0 && items != 4) {
        in->err = ERR_FORMAT;
    }
    v->major = (uint8_t)read_number(in, UINT8_MAX);
    v->minor = (uint8_t)read_number(in, UINT8_MAX);
    v->revision = (uint16_t)read_number(in, UINT16_MAX);
    v->build = read_number(in, UINT32_MAX);
}

static void read_from(struct cbor_in *in, struct manifest *m, const struct image_version *running) {
    uint32_t ranges = 0;
    cbor_array(in, &ranges);
    m->has_from = true;
    if (in->err == 0 && (ranges == 0 || ranges > RANGES_MAX)) {
        in->err = ERR_FORMAT;
    }
    for (uint32_t i = 0; i < ranges && in->err == 0; i++) {
        struct image_version lowest = {0};
        struct image_version highest = {0};
        uint32_t items = 0;
        cbor_array(in, &items);
        if (in->err == 0 && items != 2) {
            in->err = ERR_FORMAT;
        }
        read_version(in, &lowest);
        read_version(in, &highest);
        if (in->err == 0 && image_version_compare(&lowest, &highest) > 0) {
            in->err = ERR_FORMAT;
        }
        m->from_running = m->from_running || (image_version_compare(&lowest, running) <= 0 &&
                                              image_version_compare(running, &highest) <= 0);
    }
}

// Fields of a component, as bits of what was there.
static unsigned read_component_field(struct cbor_in *in, struct manifest *m, int64_t key) {
    switch (key) {
    case 1: // component 0
    case 2: // of kind application; others need an agent that can install them
        if (read_number(in, UINT32_MAX) != 0 && in->err == 0) {
            in->err = ERR_UNSUPPORTED;
        }
        break;
    case 3:
        read_version(in, &m->version);
        break;
    case 4:
        m->counter = read_number(in, UINT32_MAX);
        break;
    case 5:
        cbor_bytes_fixed(in, m->image_digest, sizeof m->image_digest);
        break;
    case 6:
        cbor_bytes_fixed(in, m->blob_digest, sizeof m->blob_digest);
        break;
    case 7:
        m->blob_bytes = read_number(in, UINT32_MAX);
        break;
    default:
        cbor_skip_unknown(in, key);
        return 0;
    }
    return 1U << key;
}

static void read_components(struct cbor_in *in, struct manifest *m) {
    uint32_t count = 0;
    struct cbor_map map;
    int64_t key;
    unsigned seen = 0;
    cbor_array(in, &count);
    if (in->err == 0 && count != 1) {
        in->err = count == 0 ? ERR_FORMAT : ERR_UNSUPPORTED;
    }
    cbor_map(in, &map);
    while (cbor_next_key(in, &map, &key)) {
        seen |= read_component_field(in, m, key);
    }
    if (in->err == 0 && seen != 0xFE) {
        in->err = ERR_FORMAT;
    }
}

static unsigned read_field(struct cbor_in *in, struct manifest *m, int64_t key,
                           const struct image_version *running) {
    switch (key) {
    case 1:
        cbor_bytes_fixed(in, m->vid, sizeof m->vid);
        break;
    case 2:
        cbor_bytes_fixed(in, m->cid, sizeof m->cid);
        break;
    case 3:
        read_components(in, m);
        break;
    case 4:
        read_from(in, m, running);
        break;
    case 5:
        m->least_boot = read_number(in, UINT32_MAX);
        break;
    case 6:
        m->least_agent = read_number(in, UINT32_MAX);
        break;
    case 7:
        read_number(in, UINT32_MAX); // settings schema: storage's, when there is one
        break;
    default:
        cbor_skip_unknown(in, key);
        return 0;
    }
    return 1U << key;
}

static int read_payload(struct manifest *m, const struct cose *c,
                        const struct image_version *running) {
    struct cbor_in in;
    struct cbor_map map;
    int64_t key;
    unsigned seen = 0;
    cbor_in_init(&in, c->payload, c->payload_size);
    cbor_map(&in, &map);
    while (cbor_next_key(&in, &map, &key)) {
        seen |= read_field(&in, m, key, running);
    }
    int err = cbor_done(&in);
    if (err < 0) {
        return err;
    }
    return (seen & 0x0E) == 0x0E ? 0 : ERR_FORMAT; // VID, CID and components
}

static int check_signature(const struct cose *c, const struct manifest_policy *policy) {
    const struct keyset_key *key;
    int err = keyset_find_image_kid(policy->keyset, c->kid, policy->development, &key);
    if (err < 0) {
        return err;
    }
    if (key->alg != c->alg) {
        return ERR_SIGNATURE;
    }
    return c->alg == COSE_ES256 ? cose_verify_sign1(c, key->key) : ERR_UNSUPPORTED;
}

static int check_rules(const struct manifest *m, const struct manifest_policy *policy) {
    if (memcmp(m->vid, policy->vid, 16) != 0 || memcmp(m->cid, policy->cid, 16) != 0) {
        return ERR_IDENTITY;
    }
    if (m->counter < policy->floor) {
        return ERR_ROLLBACK;
    }
    if (m->has_from && !m->from_running) {
        return ERR_STATE;
    }
    if (m->least_boot > policy->boot_version || m->least_agent > policy->agent_version) {
        return ERR_UNSUPPORTED;
    }
    return m->blob_bytes == 0 || m->blob_bytes > policy->slot_bytes ? ERR_NO_SPACE : 0;
}

int manifest_check(struct manifest *m, const uint8_t *data, size_t size,
                   const struct manifest_policy *policy) {
    struct cose c;
    memset(m, 0, sizeof *m);
    if (size > MANIFEST_MAX_BYTES) {
        return ERR_RANGE;
    }
    int err = cose_parse_sign1(&c, data, size);
    if (err < 0) {
        return err;
    }
    if (c.typ != COSE_TYP_MANIFEST) {
        return ERR_FORMAT;
    }
    int read = read_payload(m, &c, &policy->running);
    err = check_signature(&c, policy);
    if (err < 0) {
        return err;
    }
    return read < 0 ? read : check_rules(m, policy);
}
