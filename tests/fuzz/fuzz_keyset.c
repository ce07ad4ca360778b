// SPDX-License-Identifier: Apache-2.0
// sources: firmware/slots/*.c hal/flash.c tests/firmware/slots/no_watchdog.c
// sources: tests/fuzz/statement.c tests/firmware/slots/strict_keyset.c
// include: firmware/slots firmware/slots/include tests/firmware/slots
// Keysets, by the product's small reader (trust.c) and the tests' strict one: no input, whole or as
// payload, leads either astray, and what the second accepts is the same to the first.
#include "bytes.h"
#include "cbor/cose.h"
#include "crypto/sha256.h"
#include "product.h"
#include "ram_flash.h"
#include "slots/journal.h"
#include "statement.h"
#include "strict_keyset.h"

enum { COPY_HEAD_BYTES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same_keyset(const struct keyset *a, const struct keyset *b) {
    CHECK_EQUAL(a->epoch, b->epoch);
    CHECK_EQUAL(a->spare, b->spare);
    CHECK_EQUAL(a->floor, b->floor);
    CHECK_EQUAL(a->n_keys, b->n_keys);
    for (unsigned i = 0; i < a->n_keys; i++) {
        const struct keyset_key *x = &a->keys[i];
        const struct keyset_key *y = &b->keys[i];
        CHECK(x->role == y->role && x->alg == y->alg && x->url_size == y->url_size);
        CHECK(check_same(x->key, y->key, x->alg == KEY_ALG_ES256 ? 64 : 32));
        CHECK((x->url == NULL) == (y->url == NULL) && check_same(x->url, y->url, x->url_size));
    }
}

// Every pointer that comes out must point inside, with the size that goes with it; and whoever
// looks for a key finds one of these or none.
static void check_inside(const struct keyset *k, const uint8_t *bytes, uint32_t size) {
    static const uint8_t name[32];
    const struct keyset_key *found;
    CHECK(k->n_keys <= KEYSET_KEYS_MAX);
    for (unsigned i = 0; i < k->n_keys; i++) {
        const struct keyset_key *key = &k->keys[i];
        uint32_t key_size = key->alg == KEY_ALG_ES256 ? 64 : 32;
        CHECK(key->key >= bytes && size >= key_size && key->key <= bytes + size - key_size);
        CHECK(key->url == NULL ||
              (key->url >= bytes && key->url_size <= (uint32_t)(bytes + size - key->url)));
    }
    if (keyset_server_key(k, &found) == 0) {
        CHECK(found >= k->keys && found < k->keys + k->n_keys);
    }
    CHECK(keyset_find_image_key(k, name, true, &found) == ERR_SIGNATURE);
    CHECK(keyset_find_image_kid(k, name, true, &found) == ERR_SIGNATURE);
}

// In the bootloader, where no signature is checked.
static int read_embedded(struct keyset *out, const uint8_t *bytes, uint32_t size) {
    static const struct journal no_journal;
    static const struct hal_layout no_layout;
    uint8_t buffer[TRUST_BUFFER_BYTES];
    struct boot_params with = *product_params();
    with.keyset = bytes;
    with.keyset_size = size;
    return trust_load(out, buffer, &no_layout, &no_journal, &with);
}

// In a trust copy that the journal names.
static int read_copy(struct keyset *out, uint8_t buffer[TRUST_BUFFER_BYTES], const uint8_t *bytes,
                     uint32_t size, const struct keyset *named) {
    static const struct journal_id id = {.type = JOURNAL_KEYSET};
    uint8_t payload[40] = {[4] = 1, named->spare}; // copy 1
    struct journal j;
    ram_flash_make(2048, 8, 0xFF);
    uint8_t *copy = ram_cells + ram_layout.trust[1].offset;
    store_u32(copy, 0x52545455);
    store_u16(copy + 4, 1);
    store_u16(copy + 6, size);
    memcpy(copy + COPY_HEAD_BYTES, bytes, size);
    store_u32(copy + COPY_HEAD_BYTES + size, crc32(0, copy, COPY_HEAD_BYTES + size));
    store_u32(payload, named->epoch);
    sha256(bytes, size, payload + 8);
    CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
    CHECK_EQUAL(journal_append(&j, id, payload, sizeof(payload)), 0);
    return trust_load(out, buffer, &ram_layout, &j, product_params());
}

static void read_it(const uint8_t *data, size_t size) {
    struct keyset strict;
    struct keyset kept;
    uint8_t buffer[TRUST_BUFFER_BYTES];
    int err = strict_keyset(&strict, data, (uint32_t)size, product_params());
    if (size > KEYSET_BYTES_MAX) {
        CHECK(err < 0);
        return;
    }
    int kept_err = read_embedded(&kept, data, (uint32_t)size);
    if (kept_err == 0) {
        check_inside(&kept, data, (uint32_t)size);
    }
    if (err < 0) {
        return;
    }
    check_inside(&strict, data, (uint32_t)size);
    CHECK(strict.epoch > 0);
    CHECK_EQUAL(kept_err, 0);
    check_same_keyset(&strict, &kept);
    CHECK_EQUAL(read_copy(&kept, buffer, data, (uint32_t)size, &strict), 0);
    check_inside(&kept, buffer, sizeof(buffer));
    check_same_keyset(&strict, &kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t made_size;
    const uint8_t *root = product_params()->root[size & 1];
    uint8_t *made = statement_make(root, COSE_TYP_KEYSET, data, size, &made_size);
    read_it(data, size);
    read_it(made, made_size);
    free(made);
    return 0;
}
