// SPDX-License-Identifier: Apache-2.0
// sources: hal/flash.c tests/firmware/slots/no_watchdog.c tests/firmware/slots/strict_keyset.c
// components: slots
// include: tests/firmware/slots
// Golden vectors of what lies in flash: boot_params, identity, trust copies, keysets, journals.
#include "crypto/sha256.h"
#include "hal/err.h"
#include "product.h"
#include "ram_flash.h"
#include "slots/identity.h"
#include "slots/journal.h"
#include "strict_keyset.h"

static void params(const struct vector *v) {
    uint8_t block[BOOT_PARAMS_BYTES];
    uint8_t vid[16];
    struct boot_params p;
    check_context = v->name;
    CHECK(vector_hex(v, "block", block, sizeof(block)) == sizeof(block));
    CHECK_EQUAL(boot_params_read(&p, block), vector_expect(v));
    if (vector_expect(v) == 0) {
        vector_hex(v, "vid", vid, sizeof(vid));
        CHECK(check_same(p.vid, vid, sizeof(vid)));
        CHECK_EQUAL(p.floor, vector_number(v, "floor"));
        CHECK_EQUAL(p.keyset_size, vector_number(v, "keyset_size"));
    }
}

static void identity(const struct vector *v) {
    uint8_t wanted[64];
    uint8_t id[16];
    struct identity found;
    check_context = v->name;
    ram_flash_make(4096, 8, 0xFF);
    vector_hex(v, "area", ram_cells + ram_layout.identity.offset, ram_layout.identity.size);
    CHECK_EQUAL(identity_load(&found, &ram_layout), vector_expect(v));
    if (vector_expect(v) < 0) {
        return;
    }
    vector_hex(v, "private", wanted, 32);
    CHECK(check_same(found.device_key, wanted, 32));
    vector_hex(v, "public", wanted, 64);
    CHECK(check_same(found.public_key, wanted, 64));
    vector_hex(v, "seed", wanted, 32);
    CHECK(check_same(found.seed, wanted, 32));
    vector_hex(v, "token", wanted, 16);
    CHECK(check_same(found.token, wanted, 16));
    CHECK(vector_is(v, "url", found.url));
    CHECK_EQUAL((found.flags & IDENTITY_DEVELOPMENT) != 0, vector_number(v, "development"));
    CHECK_EQUAL((found.flags & IDENTITY_KEY_ABSENT) != 0, vector_number(v, "makes_key"));
    identity_device_id(&found, id);
    vector_hex(v, "device_id", wanted, 16);
    CHECK(check_same(id, wanted, 16));
}

static void keyset(const struct vector *v) {
    uint8_t *bytes = malloc(4096);
    struct keyset found;
    check_context = v->name;
    uint32_t size = vector_hex(v, "signed", bytes, 4096);
    bytes = realloc(bytes, size); // so that reading behind it is caught
    int err = strict_keyset(&found, bytes, size, product_params());
    if (vector_expect(v) == 0) {
        CHECK_EQUAL(err, 0);
        CHECK_EQUAL(found.epoch, vector_number(v, "epoch"));
        CHECK_EQUAL(found.floor, vector_number(v, "floor"));
        CHECK_EQUAL(found.spare, vector_number(v, "by_spare"));
    } else {
        CHECK(err < 0); // which of several reasons it names is its own affair, but for this one:
        CHECK(vector_expect(v) != ERR_SIGNATURE || err == ERR_SIGNATURE);
    }
    free(bytes);
}

// A trust copy counts if the journal names it: write that record, then ask which keyset counts.
static void trust(const struct vector *v) {
    static const struct journal_id id = {.type = JOURNAL_KEYSET};
    uint8_t payload[40] = {2, [4] = 1}; // epoch 2, copy 1
    uint8_t buffer[TRUST_BUFFER_BYTES];
    struct journal j;
    struct keyset found;
    struct vector named = {0};
    check_context = v->name;
    ram_flash_make(4096, 8, 0xFF);
    vector_load(&named, "trust", "unit_1");
    sha256(buffer, vector_hex(&named, "keyset", buffer, sizeof(buffer)), payload + 8);
    free(named.text);
    vector_hex(v, "copy", ram_cells + ram_layout.trust[1].offset, ram_layout.trust[1].size);
    CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
    CHECK_EQUAL(journal_append(&j, id, payload, sizeof(payload)), 0);
    int err = trust_load(&found, buffer, &ram_layout, &j, product_params());
    CHECK_EQUAL(err, vector_expect(v) == 0 ? 0 : ERR_NOT_FOUND);
    CHECK(err < 0 || found.epoch == 2);
}

// Which keyset counts: by root and epoch, from either copy, boot_params' only if it reaches them.
static int load_recorded(uint32_t epoch, uint8_t root, int holder, struct keyset *found) {
    static const struct journal_id id = {.type = JOURNAL_KEYSET};
    static uint8_t buffer[TRUST_BUFFER_BYTES];
    uint8_t payload[40] = {(uint8_t)epoch, [4] = 1, root}; // copy 1 is named
    struct journal j;
    struct vector v = {0};
    ram_flash_make(4096, 8, 0xFF);
    vector_load(&v, "trust", "unit_1");
    sha256(buffer, vector_hex(&v, "keyset", buffer, sizeof(buffer)), payload + 8);
    if (holder >= 0) {
        vector_hex(&v, "copy", ram_cells + ram_layout.trust[holder].offset,
                   ram_layout.trust[holder].size);
    }
    free(v.text);
    CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
    CHECK_EQUAL(journal_append(&j, id, payload, sizeof(payload)), 0);
    return trust_load(found, buffer, &ram_layout, &j, product_params());
}

static void recorded_keysets(void) {
    struct keyset found;
    check_context = "recorded keysets";
    for (int holder = 0; holder < 2; holder++) {
        CHECK_EQUAL(load_recorded(2, 0, holder, &found), 0);
        CHECK_EQUAL(found.epoch, 2);
    }
    CHECK_EQUAL(load_recorded(2, 1, 1, &found), ERR_NOT_FOUND);  // not signed by the spare
    CHECK_EQUAL(load_recorded(2, 0, -1, &found), ERR_NOT_FOUND); // boot_params' is epoch 1
    CHECK_EQUAL(load_recorded(1, 1, -1, &found), ERR_NOT_FOUND); // equal epoch, lower root
    CHECK_EQUAL(load_recorded(1, 0, -1, &found), 0);
    CHECK_EQUAL(found.epoch, 1);
}

// The floor is the highest of boot_params', the keyset's and the journal's, the last for our CID.
static void floors(void) {
    static const struct journal_id id = {.type = JOURNAL_FLOOR};
    const struct {
        uint32_t params, keyset, journal;
        bool other_cid;
        uint32_t wanted;
    } cases[] = {
        {3, 2, 1, false, 3}, {1, 3, 2, false, 3}, {1, 2, 3, false, 3},
        {1, 2, 3, true, 2},  {0, 0, 0, false, 0}, {0, 0, UINT32_MAX, false, UINT32_MAX},
    };
    check_context = "floors";
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct journal j;
        struct keyset keys = {.floor = cases[i].keyset};
        struct boot_params p = *product_params();
        uint8_t payload[20];
        p.floor = cases[i].params;
        for (unsigned k = 0; k < 4; k++) {
            payload[k] = (uint8_t)(cases[i].journal >> 8 * k);
        }
        memcpy(payload + 4, p.cid, 16);
        payload[19] ^= cases[i].other_cid;
        ram_flash_make(4096, 8, 0xFF);
        CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
        CHECK_EQUAL(trust_floor(&keys, &j, &p), keys.floor > p.floor ? keys.floor : p.floor);
        CHECK_EQUAL(journal_append(&j, id, payload, sizeof(payload)), 0);
        CHECK_EQUAL(trust_floor(&keys, &j, &p), cases[i].wanted);
    }
}

static void check_state(const struct vector *v, const struct journal *j) {
    const char *line;
    for (int i = 0; (line = vector_find(v, "state", i)) != NULL; i++) {
        unsigned type;
        unsigned component;
        unsigned key;
        unsigned wanted_number;
        int hex_at = 0;
        uint8_t wanted[JOURNAL_PAYLOAD_BYTES];
        uint8_t found[JOURNAL_PAYLOAD_BYTES];
        uint32_t number;
        sscanf(line, "%u %u %u %u %n", &type, &component, &key, &wanted_number, &hex_at);
        vector_unhex(line + hex_at, wanted, sizeof(wanted));
        struct journal_id id = {(uint8_t)type, (uint8_t)component, (uint8_t)key};
        CHECK_EQUAL(journal_get(j, id, found, &number), 0);
        CHECK(check_same(found, wanted, sizeof(wanted)));
        CHECK_EQUAL(number, wanted_number);
    }
}

static void check_append(const struct vector *v, struct journal *j, uint32_t sector_bytes) {
    static const char *const after[] = {"after_a", "after_b"};
    static const char *const before[] = {"sector_a", "sector_b"};
    unsigned type;
    unsigned component;
    unsigned key;
    int hex_at = 0;
    uint8_t payload[JOURNAL_PAYLOAD_BYTES];
    uint8_t wanted[RAM_BLOCK_BYTES_MAX];
    const char *line = vector_must(v, "append");
    sscanf(line, "%u %u %u %n", &type, &component, &key, &hex_at);
    uint32_t size = vector_unhex(line + hex_at, payload, sizeof(payload));
    struct journal_id id = {(uint8_t)type, (uint8_t)component, (uint8_t)key};
    CHECK_EQUAL(journal_append(j, id, payload, size), 0);
    for (int i = 0; i < 2; i++) {
        memset(wanted, ram_flash.erased_value, sizeof(wanted));
        vector_hex(v, vector_is(v, after[i], "same") ? before[i] : after[i], wanted, sector_bytes);
        CHECK(check_same(ram_cells + ram_layout.journal[i].offset, wanted, sector_bytes));
    }
}

static void journal(const struct vector *v) {
    uint32_t sector_bytes = vector_number(v, "sector_bytes");
    uint32_t record_bytes = vector_number(v, "record_bytes");
    struct journal j;
    check_context = v->name;
    ram_flash_make(sector_bytes, record_bytes > 64 ? record_bytes : 8,
                   (uint8_t)vector_number(v, "erased"));
    vector_hex(v, "sector_a", ram_cells + ram_layout.journal[0].offset, sector_bytes);
    vector_hex(v, "sector_b", ram_cells + ram_layout.journal[1].offset, sector_bytes);
    bool none = vector_is(v, "active", "none");
    CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_RUN), none ? ERR_NOT_FOUND : 0);
    if (none) {
        CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
    } else {
        CHECK_EQUAL(j.active, vector_number(v, "active"));
        check_state(v, &j);
    }
    if (vector_find(v, "append", 0) != NULL) {
        check_append(v, &j, sector_bytes);
    }
    if (strcmp(v->name, "journal/unknown_critical") == 0) {
        CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), ERR_UNSUPPORTED);
    }
}

int main(void) {
    CHECK(vector_each("boot_params", params) > 5);
    CHECK(vector_each("identity", identity) > 5);
    CHECK(vector_each("keyset", keyset) > 20);
    recorded_keysets();
    floors();
    CHECK(vector_each("trust", trust) > 5);
    CHECK(vector_each("journal", journal) > 10);
    return 0;
}
