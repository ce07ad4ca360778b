// SPDX-License-Identifier: Apache-2.0
// Polls and answers as bytes. Every length is checked before it is used, every answer's MAC before
// anything in it is looked at.
#include "message.h"

#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "crypto/hmac.h"
#include "crypto/p256.h"
#include "hal/err.h"
#include <string.h>

enum {
    CAPABILITY_RELOCATES = 1,
    INFO_MAX_BYTES = 176,
    ACTIONS_MAX = 8, // in a list
};

enum action {
    ACTION_OFFER = 1,
    ACTION_GO = 2,
    ACTION_CONFIRM = 3,
    ACTION_RESYNC = 4,
    ACTION_KEYSET = 5,
    ACTION_BOOT_OTHER = 6,
    ACTION_SEAL = 7,
};

static void derive(uint8_t key[32], const char *purpose, const struct message_party *p,
                   const uint8_t z[32]) {
    uint8_t info[INFO_MAX_BYTES];
    struct cbor_out out;
    cbor_out_init(&out, info, sizeof info);
    cbor_put_array(&out, 5);
    cbor_put_text(&out, "unitool1");
    cbor_put_text(&out, purpose);
    cbor_put_bytes(&out, p->device_point, 64);
    cbor_put_bytes(&out, p->server_point, 64);
    cbor_put_bytes(&out, p->device_id, 16);
    bool salted = strcmp(purpose, "enrol") == 0 && p->token;
    const struct hkdf_input from = {
        .salt = p->token,
        .salt_size = salted ? 16 : 0,
        .ikm = z,
        .ikm_size = 32,
        .info = info,
        .info_size = out.used,
    };
    hkdf(&from, key);
}

int message_keys(struct message_keys *k, const struct message_party *p) {
    uint8_t z[32];
    int err = p256_ecdh(z, p->device_key, p->server_point);
    if (err < 0) {
        return err;
    }
    derive(k->enrol, "enrol", p, z);
    derive(k->poll, "poll", p, z);
    derive(k->answer, "answer", p, z);
    cose_kid(k->kid, p->server_point, 64);
    memset(z, 0, sizeof z);
    return 0;
}

// Pairs of a map. Functions of their own because there are so many: they halve the code.
#define SHARED __attribute__((noinline))

SHARED static void put_number(struct cbor_out *o, uint32_t key, uint32_t value) {
    cbor_put_uint(o, key);
    cbor_put_uint(o, value);
}

SHARED static void put_bytes(struct cbor_out *o, uint32_t key, const void *bytes, size_t n) {
    cbor_put_uint(o, key);
    cbor_put_bytes(o, bytes, n);
}

SHARED static void put_numbers(struct cbor_out *o, uint32_t key, const uint32_t *numbers,
                               uint32_t count) {
    cbor_put_uint(o, key);
    cbor_put_array(o, count);
    for (uint32_t i = 0; i < count; i++) {
        cbor_put_uint(o, numbers[i]);
    }
}

static void put_slot(struct cbor_out *o, unsigned number, const struct message_slot *s) {
    const struct image_version *v = &s->version;
    const uint32_t version[] = {v->major, v->minor, v->revision, v->build};
    cbor_put_map(o, 2U + (s->has_image ? 3 : 0) + (s->progress ? 1 : 0) + (s->reason ? 1 : 0));
    put_number(o, 1, number);
    put_number(o, 2, s->state);
    if (s->has_image) {
        put_numbers(o, 3, version, 4);
        put_bytes(o, 4, s->digest, sizeof s->digest);
        put_number(o, 5, s->counter);
    }
    if (s->progress) {
        put_number(o, 6, s->progress);
    }
    if (s->reason) {
        put_number(o, 7, s->reason);
    }
}

static void put_components(struct cbor_out *o, const struct message_poll *p) {
    cbor_put_uint(o, 4);
    cbor_put_array(o, 1);
    cbor_put_map(o, 5);
    put_number(o, 1, 0); // the application is component 0
    put_bytes(o, 2, p->vid, 16);
    put_bytes(o, 3, p->cid, 16);
    put_number(o, 4, p->running);
    cbor_put_uint(o, 5);
    cbor_put_array(o, 2);
    put_slot(o, 0, &p->slot[0]);
    put_slot(o, 1, &p->slot[1]);
}

static void put_boot(struct cbor_out *o, const struct message_poll *p) {
    cbor_put_uint(o, 5);
    cbor_put_map(o, 5);
    put_number(o, 1, p->boot_count);
    put_number(o, 2, p->reset_reason);
    put_number(o, 3, p->crashes);
    put_number(o, 4, p->mode);
    put_numbers(o, 5, p->phase, 4);
}

static void put_reports(struct cbor_out *o, const struct message_poll *p) {
    cbor_put_uint(o, 8);
    cbor_put_array(o, p->n_reports);
    for (uint32_t i = 0; i < p->n_reports; i++) {
        const struct message_report *r = &p->reports[i];
        cbor_put_map(o, 3);
        put_number(o, 1, r->kind);
        put_bytes(o, 2, r->digest, sizeof r->digest);
        put_number(o, 3, r->code);
    }
}

static void put_crash(struct cbor_out *o, const struct message_crash *c) {
    cbor_put_uint(o, 13);
    cbor_put_map(o, 7);
    put_bytes(o, 1, c->build_id, sizeof c->build_id);
    put_number(o, 2, c->slot_base);
    put_number(o, 3, c->reason);
    put_number(o, 4, c->pc);
    put_number(o, 5, c->lr);
    put_number(o, 6, c->sp);
    put_numbers(o, 7, c->fault, MESSAGE_FAULT_REGISTERS);
}

static void put_poll(struct cbor_out *o, const struct message_poll *p) {
    const uint32_t sizes[] = {p->slot_bytes, p->chunk_bytes};
    cbor_put_map(o, 11U + (p->device_point ? 1 : 0) + (p->crash ? 1 : 0));
    put_bytes(o, 1, p->device_id, 16);
    put_bytes(o, 2, p->generation, p->generation ? 8 : 0);
    cbor_put_uint(o, 3);
    cbor_put_uint(o, p->seq);
    put_components(o, p);
    put_boot(o, p);
    put_number(o, 6, CAPABILITY_RELOCATES);
    put_numbers(o, 7, sizes, 2);
    put_reports(o, p);
    put_number(o, 9, MESSAGE_AGENT_VERSION);
    put_number(o, 10, p->boot_version);
    put_number(o, 11, p->keyset_epoch);
    if (p->device_point) {
        put_bytes(o, 12, p->device_point, 64);
    }
    if (p->crash) {
        put_crash(o, p->crash);
    }
}

int message_write_poll(uint8_t *out, size_t size, const struct message_poll *p,
                       const struct message_keys *k) {
    if (size > MESSAGE_POLL_MAX_BYTES) {
        size = MESSAGE_POLL_MAX_BYTES;
    }
    struct cbor_out payload;
    cbor_out_init(&payload, out, size);
    put_poll(&payload, p);
    if (payload.err < 0) {
        return payload.err;
    }
    const struct cose_mac0 m = {
        .typ = p->device_point ? COSE_TYP_ENROL : COSE_TYP_POLL,
        .kid = k->kid,
        .key = p->device_point ? k->enrol : k->poll,
        .payload = out,
        .payload_size = payload.used,
    };
    return cose_write_mac0(out, size, &m);
}

static void read_fixed(struct cbor_in *in, const uint8_t **to, size_t size) {
    const uint8_t *bytes;
    size_t n;
    if (cbor_bytes(in, &bytes, &n) < 0) {
        return;
    }
    if (n != size || *to) { // the wrong length, or the action came before
        in->err = ERR_FORMAT;
        return;
    }
    *to = bytes;
}

// A keyset is known, and refused, like the other two: its place in the format stands.
static void read_unsupported(struct cbor_in *in, struct message_answer *a, unsigned code) {
    const uint8_t *bytes;
    size_t n;
    a->unsupported = code;
    if (code == ACTION_KEYSET) {
        cbor_bytes(in, &bytes, &n);
    } else {
        read_fixed(in, &a->unsupported_digest, 32);
    }
}

static void read_known(struct cbor_in *in, struct message_answer *a, unsigned code) {
    switch (code) {
    case ACTION_OFFER:
        if (a->offer) {
            in->err = ERR_FORMAT;
        }
        cbor_bytes(in, &a->offer, &a->offer_size);
        break;
    case ACTION_GO:
        read_fixed(in, &a->go, 32);
        break;
    case ACTION_CONFIRM:
        read_fixed(in, &a->confirm, 32);
        break;
    case ACTION_RESYNC:
        read_fixed(in, &a->generation, 8);
        break;
    default:
        read_unsupported(in, a, code);
        break;
    }
}

static void read_action(struct cbor_in *in, struct message_answer *a, bool critical) {
    uint32_t items = 0;
    uint32_t code = 0;
    cbor_array(in, &items);
    if (in->err == 0 && items == 0) {
        in->err = ERR_FORMAT;
    }
    cbor_uint32(in, &code);
    if (in->err < 0) {
        return;
    }
    if (!critical) { // so far none of these is known: docs/protocol.md
        for (uint32_t item = 1; item < items && in->err == 0; item++) {
            cbor_skip(in);
        }
    } else if (code < ACTION_OFFER || code > ACTION_SEAL) {
        in->err = ERR_UNSUPPORTED;
    } else if (items != 2) {
        in->err = ERR_FORMAT;
    } else {
        read_known(in, a, code);
    }
}

static void read_actions(struct cbor_in *in, struct message_answer *a, bool critical) {
    uint32_t actions = 0;
    cbor_array(in, &actions);
    if (in->err == 0 && actions > ACTIONS_MAX) {
        in->err = ERR_FORMAT;
    }
    for (uint32_t i = 0; i < actions && in->err == 0; i++) {
        read_action(in, a, critical);
    }
}

static int read_payload(struct message_answer *a, const uint8_t *payload, size_t size) {
    struct cbor_in in;
    struct cbor_map map;
    int64_t key;
    uint64_t next_s = 0;
    bool has_next = false;
    bool has_actions = false;
    cbor_in_init(&in, payload, size);
    cbor_map(&in, &map);
    while (cbor_next_key(&in, &map, &key)) {
        switch (key) {
        case 1:
            has_next = cbor_uint(&in, &next_s) == 0;
            break;
        case 2:
            read_actions(&in, a, true);
            has_actions = true;
            break;
        case 3:
            read_actions(&in, a, false);
            break;
        default:
            cbor_skip_unknown(&in, key);
            break;
        }
    }
    int err = cbor_done(&in);
    if (err < 0) {
        return err;
    }
    if (!has_next || !has_actions) {
        return ERR_FORMAT;
    }
    a->next_s = next_s < UINT32_MAX ? (uint32_t)next_s : UINT32_MAX;
    return a->unsupported ? ERR_UNSUPPORTED : 0;
}

int message_read_answer(struct message_answer *a, const uint8_t *data, size_t size,
                        const struct message_keys *k, const uint8_t poll_tag[32]) {
    struct cose c;
    memset(a, 0, sizeof *a);
    if (size > MESSAGE_ANSWER_MAX_BYTES) {
        return ERR_RANGE;
    }
    int err = cose_parse_mac0(&c, data, size);
    if (err < 0) {
        return err;
    }
    if (c.typ != COSE_TYP_ANSWER || memcmp(c.kid, k->kid, sizeof c.kid) != 0) {
        return ERR_FORMAT; // a poll sent back, or for another server's key
    }
    err = cose_verify_mac0(&c, k->answer, poll_tag, 32);
    if (err < 0) {
        return err;
    }
    return read_payload(a, c.payload, c.payload_size);
}
