// SPDX-License-Identifier: Apache-2.0
// The small reader of keysets in force (trust.c) beside the strict one that accepts them
// (keyset.c): the same result for whatever is accepted, and never astray, whatever it is given.
// sources: firmware/slots/*.c hal/flash.c tests/firmware/slots/no_watchdog.c
// include: firmware/slots firmware/slots/include tests/firmware/slots
#include "check.h"
#include "slots/trust.h"
#include "vectors.h"

static uint8_t block[BOOT_PARAMS_BYTES];
static struct boot_params params;
static const struct journal no_journal; // no record in it: boot_params' own keyset counts
static const struct hal_layout no_layout;
static uint32_t seed = 1;

// What the small reader makes of these bytes, put where it does not check the signature.
static int read_embedded(struct keyset *out, const uint8_t *bytes, uint32_t size) {
    static uint8_t buffer[TRUST_BUFFER_BYTES];
    struct boot_params with = params;
    with.keyset = bytes;
    with.keyset_size = size;
    return trust_load(out, buffer, &no_layout, &no_journal, &with);
}

static void check_same_keyset(const struct keyset *a, const struct keyset *b) {
    CHECK_EQUAL(a->epoch, b->epoch);
    CHECK_EQUAL(a->spare, b->spare);
    CHECK_EQUAL(a->floor, b->floor);
    CHECK_EQUAL(a->n_keys, b->n_keys);
    for (unsigned i = 0; i < a->n_keys; i++) {
        const struct keyset_key *x = &a->keys[i];
        const struct keyset_key *y = &b->keys[i];
        CHECK(x->role == y->role && x->alg == y->alg && x->key == y->key);
        CHECK(x->url == y->url && x->url_size == y->url_size);
    }
}

// Every pointer that comes out must point inside, with the size that goes with it.
static void check_inside(const struct keyset *k, const uint8_t *bytes, uint32_t size) {
    CHECK(k->n_keys <= KEYSET_KEYS_MAX);
    for (unsigned i = 0; i < k->n_keys; i++) {
        const struct keyset_key *key = &k->keys[i];
        uint32_t key_size = key->alg == KEY_ALG_ES256 ? 64 : 32;
        CHECK(key->key >= bytes && size >= key_size && key->key <= bytes + size - key_size);
        CHECK(key->url == NULL ||
              (key->url >= bytes && key->url_size <= (uint32_t)(bytes + size - key->url)));
    }
}

static void mutate(const uint8_t *bytes, uint32_t size) {
    uint32_t new_size = check_random(&seed) % 8 ? size : check_random(&seed) % (size + 1);
    uint8_t *copy = malloc(new_size + 1);
    struct keyset found;
    memcpy(copy, bytes, new_size);
    copy = realloc(copy, new_size > 0 ? new_size : 1); // reading behind it is caught
    for (uint32_t n = 1 + check_random(&seed) % 3; n > 0 && new_size > 0; n--) {
        // Behind the fixed envelope, where there is something to read.
        uint32_t from = new_size > 36 && check_random(&seed) % 8 ? 34 : 0;
        copy[from + check_random(&seed) % (new_size - from)] = (uint8_t)check_random(&seed);
    }
    if (read_embedded(&found, copy, new_size) == 0) {
        check_inside(&found, copy, new_size);
    }
    free(copy);
}

static void both_readers(const struct vector *v) {
    enum { MUTATIONS = 3000 };
    uint8_t *bytes = malloc(4096);
    struct keyset strict;
    struct keyset small;
    check_context = v->name;
    uint32_t size = vector_hex(v, "signed", bytes, 4096);
    bytes = realloc(bytes, size);
    int err = read_embedded(&small, bytes, size);
    if (keyset_parse(&strict, bytes, size, &params) == 0) {
        CHECK_EQUAL(err, 0);
        check_same_keyset(&strict, &small);
    } else if (err == 0) {
        check_inside(&small, bytes, size);
    }
    for (int i = 0; i < MUTATIONS; i++) {
        mutate(bytes, size);
    }
    free(bytes);
}

int main(void) {
    struct vector v = {0};
    vector_load(&v, "boot_params", "good");
    vector_hex(&v, "block", block, sizeof(block));
    free(v.text);
    CHECK_EQUAL(boot_params_read(&params, block), 0);
    CHECK(vector_each("keyset", both_readers) > 20);
    return 0;
}
