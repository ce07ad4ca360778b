// SPDX-License-Identifier: Apache-2.0
// sources: firmware/update/agent/message.c
// components: lib/cbor lib/crypto/p256 lib/image
// include: firmware/update/agent
// Polls as their readers see them, answers good, spoiled and cut: the golden vectors and mutations.
#include "cbor/cbor.h"
#include "cbor/cose.h"
#include "check.h"
#include "crypto/p256.h"
#include "hal/err.h"
#include "message.h"
#include "vectors.h"

static struct message_keys keys;
static uint8_t message[4096], payload[4096], tag[32];

static uint32_t load(const struct vector *v) {
    memset(&keys, 0, sizeof keys);
    CHECK(vector_hex(v, "key", keys.answer, 32) == 32);
    vector_hex(v, "kid", keys.kid, 8);
    CHECK(vector_hex(v, "poll_tag", tag, 32) == 32);
    return vector_hex(v, "message", message, sizeof message);
}

// A copy that ends where its memory ends, so that the sanitizers see a byte too many.
static int read_tight(struct message_answer *a, const uint8_t *data, uint32_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    int err = message_read_answer(a, copy, size, &keys, tag);
    free(copy);
    return err;
}

static void spoil_bits(uint32_t size) {
    struct message_answer a;
    for (uint32_t bit = 0; bit < size * 8; bit++) {
        message[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(read_tight(&a, message, size) < 0);
        message[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (uint32_t n = 0; n < size; n++) {
        CHECK(read_tight(&a, message, n) < 0);
    }
}

// Payloads that only the server's key could have made, and that are wrong all the same.
static void spoil_payload(uint32_t payload_size) {
    struct message_answer a;
    uint8_t sealed[4096];
    for (uint32_t i = 0; i < payload_size * 4; i++) {
        uint8_t was = payload[i / 4];
        static const uint8_t masks[] = {0x01, 0x20, 0x80, 0xFF};
        payload[i / 4] ^= masks[i % 4];
        const struct cose_mac0 m = {.typ = COSE_TYP_ANSWER,
                                    .kid = keys.kid,
                                    .key = keys.answer,
                                    .aad = tag,
                                    .aad_size = 32,
                                    .payload = payload,
                                    .payload_size = payload_size};
        int n = cose_write_mac0(sealed, sizeof sealed, &m);
        CHECK(n > 0);
        read_tight(&a, sealed, (uint32_t)n);
        payload[i / 4] = was;
    }
}

static unsigned action_code(const struct vector *v, int n) {
    const char *p = vector_find(v, "action", n);
    return p ? (unsigned)strtoul(p, NULL, 10) : 0;
}

static void check_obeyed(const struct vector *v, const struct message_answer *a) {
    unsigned code = action_code(v, 0);
    CHECK(a->next_s == 300);
    CHECK((code == 1) == (a->offer != NULL));
    CHECK((code == 2) == (a->go != NULL));
    CHECK((code == 3) == (a->confirm != NULL));
    CHECK((code == 4) == (a->generation != NULL));
}

static void answer(const struct vector *v) {
    struct message_answer a;
    uint32_t size = load(v);
    int expect = vector_expect(v);
    int err = read_tight(&a, message, size);
    bool not_done = action_code(v, 0) >= 5 || action_code(v, 1) >= 5;
    if (expect == 0 && not_done) {
        CHECK(err == ERR_UNSUPPORTED && a.unsupported >= 5);
    } else if (expect == 0) {
        CHECK(err == 0);
        check_obeyed(v, &a);
    } else {
        CHECK(err < 0);
        CHECK((err == ERR_AUTH) == (expect == ERR_AUTH));
    }
    if (expect == 0 && vector_find(v, "payload", 0)) {
        spoil_bits(size);
        spoil_payload(vector_hex(v, "payload", payload, sizeof payload));
    }
}

static int seal(uint8_t *out, size_t size, struct cbor_out *o) {
    const struct cose_mac0 m = {.typ = COSE_TYP_ANSWER,
                                .kid = keys.kid,
                                .key = keys.answer,
                                .aad = tag,
                                .aad_size = 32,
                                .payload = o->p,
                                .payload_size = o->used};
    CHECK(o->err == 0);
    return cose_write_mac0(out, size, &m);
}

static void the_same_action_twice_is_refused(void) {
    struct message_answer a;
    struct cbor_out o;
    uint8_t sealed[512];
    static const uint8_t digest[32];
    cbor_out_init(&o, payload, sizeof payload);
    cbor_put_map(&o, 2);
    cbor_put_uint(&o, 1);
    cbor_put_uint(&o, 60);
    cbor_put_uint(&o, 2);
    cbor_put_array(&o, 2);
    for (int i = 0; i < 2; i++) {
        cbor_put_array(&o, 2);
        cbor_put_uint(&o, 2);
        cbor_put_bytes(&o, digest, 32);
    }
    int n = seal(sealed, sizeof sealed, &o);
    CHECK(read_tight(&a, sealed, (uint32_t)n) == ERR_FORMAT);
}

static void an_endless_wait_is_a_number_like_any_other(void) {
    struct message_answer a;
    struct cbor_out o;
    uint8_t sealed[512];
    cbor_out_init(&o, payload, sizeof payload);
    cbor_put_map(&o, 2);
    cbor_put_uint(&o, 1);
    cbor_put_uint(&o, UINT64_MAX);
    cbor_put_uint(&o, 2);
    cbor_put_array(&o, 0);
    int n = seal(sealed, sizeof sealed, &o);
    CHECK(read_tight(&a, sealed, (uint32_t)n) == 0 && a.next_s == UINT32_MAX);
}

static void make_poll(struct message_poll *p, const struct vector *product) {
    static uint8_t id[16], generation[8], vid[16], cid[16];
    struct vector v = {0};
    vector_load(&v, "keys", "device");
    CHECK(vector_hex(&v, "device_id", id, 16) == 16);
    vector_hex(product, "vid", vid, 16);
    vector_hex(product, "cid", cid, 16);
    free(v.text);
    v.text = NULL;
    vector_load(&v, "answer", "resync");
    vector_unhex(vector_must(&v, "action") + 2, generation, 8);
    free(v.text);
    *p = (struct message_poll){
        .device_id = id,
        .generation = generation,
        .seq = 7ULL << 32 | 1,
        .vid = vid,
        .cid = cid,
        .boot_count = 7,
        .reset_reason = 1,
        .phase = {10, 20, 30, 60},
        .slot_bytes = vector_number(product, "slot_bytes"),
        .chunk_bytes = 16384,
        .boot_version = 1,
        .keyset_epoch = 1,
    };
    p->slot[0] =
        (struct message_slot){.state = 4, .has_image = true, .version = {1, 4, 0, 0}, .counter = 5};
    memset(p->slot[0].digest, 1, 32);
}

// The vector says "tries 0", which the agent leaves out: its message is the vector's without it.
static void a_poll_is_what_the_vector_says(void) {
    struct vector v = {0};
    struct vector product = {0};
    struct message_poll p;
    uint8_t expected[2048], made[2048];
    vector_load(&product, "keys", "product");
    vector_load(&v, "poll", "poll");
    make_poll(&p, &product);
    vector_hex(&v, "key", keys.poll, 32);
    vector_hex(&v, "kid", keys.kid, 8);
    uint32_t n = vector_hex(&v, "payload", expected, sizeof expected);
    int size = message_write_poll(made, sizeof made, &p, &keys);
    CHECK(size > 0);
    struct cose c;
    CHECK(cose_parse_mac0(&c, made, (size_t)size) == 0 && c.typ == COSE_TYP_POLL);
    CHECK(cose_verify_mac0(&c, keys.poll, NULL, 0) == 0);
    CHECK(c.payload_size + 2 == n);
    uint32_t same = 0;
    while (same < c.payload_size && c.payload[same] == expected[same]) {
        same++;
    }
    while (same < c.payload_size && expected[same] != 0x06) { // the map's head says 5, not 6
        same++;
    }
    CHECK(same < c.payload_size);
    CHECK(memcmp(c.payload + same, expected + same + 2, c.payload_size - same) == 0);
    free(v.text);
    free(product.text);
}

static void the_fullest_enrolment_fits_the_agents_buffer(void) {
    struct vector product = {0};
    struct message_report reports[MESSAGE_REPORTS + 1];
    struct message_crash crash;
    struct message_poll p;
    uint8_t point[64] = {0}, out[1024];
    vector_load(&product, "keys", "product");
    make_poll(&p, &product);
    memset(reports, 0xFF, sizeof reports);
    memset(&crash, 0xFF, sizeof crash);
    memset(p.phase, 0xFF, sizeof p.phase);
    p.device_point = point;
    p.seq = UINT64_MAX;
    p.boot_count = p.slot_bytes = p.chunk_bytes = p.boot_version = p.keyset_epoch = UINT32_MAX;
    p.reset_reason = p.crashes = p.mode = 255;
    p.crash = &crash;
    p.reports = reports;
    p.n_reports = MESSAGE_REPORTS + 1;
    for (int slot = 0; slot < 2; slot++) {
        memset(&p.slot[slot], 0xFF, sizeof p.slot[slot]);
        p.slot[slot].has_image = true;
    }
    int size = message_write_poll(out, sizeof out, &p, &keys);
    CHECK(size > 0);
    for (uint32_t room = 0; room < (uint32_t)size; room += 7) {
        uint8_t *tight = malloc(room ? room : 1);
        CHECK(message_write_poll(tight, room, &p, &keys) == ERR_NO_MEMORY);
        free(tight);
    }
    free(product.text);
}

static void keys_are_those_of_the_vectors(void) {
    struct vector v = {0};
    struct message_keys k;
    uint8_t device[32], device_point[64], server_point[64], id[16], token[16], expected[32];
    vector_load(&v, "keys", "device");
    vector_hex(&v, "private", device, 32);
    vector_hex(&v, "public", device_point, 64);
    vector_hex(&v, "device_id", id, 16);
    vector_load(&v, "keys", "server");
    vector_hex(&v, "public", server_point, 64);
    struct message_party party = {id, device, device_point, server_point, NULL};
    CHECK(message_keys(&k, &party) == 0);
    vector_load(&v, "poll", "poll");
    vector_hex(&v, "key", expected, 32);
    CHECK(memcmp(k.poll, expected, 32) == 0);
    vector_hex(&v, "kid", expected, 8);
    CHECK(memcmp(k.kid, expected, 8) == 0);
    vector_load(&v, "poll", "enrol");
    vector_hex(&v, "key", expected, 32);
    CHECK(memcmp(k.enrol, expected, 32) == 0);
    vector_load(&v, "answer", "nothing");
    vector_hex(&v, "key", expected, 32);
    CHECK(memcmp(k.answer, expected, 32) == 0);
    vector_load(&v, "derived", "enrol_with_token");
    CHECK(vector_hex(&v, "token", token, 16) == 16);
    party.token = token;
    CHECK(message_keys(&k, &party) == 0);
    vector_load(&v, "poll", "enrol_token");
    vector_hex(&v, "key", expected, 32);
    CHECK(memcmp(k.enrol, expected, 32) == 0);
    free(v.text);
}

int main(void) {
    CHECK(vector_each("answer", answer) > 20);
    the_same_action_twice_is_refused();
    an_endless_wait_is_a_number_like_any_other();
    a_poll_is_what_the_vector_says();
    the_fullest_enrolment_fits_the_agents_buffer();
    keys_are_those_of_the_vectors();
    return 0;
}
