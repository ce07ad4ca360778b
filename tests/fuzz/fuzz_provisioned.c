// SPDX-License-Identifier: Apache-2.0
// sources: firmware/slots/*.c hal/flash.c tests/firmware/slots/no_watchdog.c
// include: firmware/slots/include firmware/slots tests/firmware/slots
// What is in a device from its provisioning or from an update of its keys: boot_params, identity,
// trust copy. The input is each of them, with the right CRC if its first byte says so. Nothing
// outside is read, and what comes out lies inside.
#include "bytes.h"
#include "hal/err.h"
#include "product.h"
#include "ram_flash.h"
#include "slots/identity.h"
#include "slots/params.h"
#include "slots/trust.h"

enum { SEALED = 1, IDENTITY_RECORD_BYTES = 512, BLOCK_BYTES = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(uint8_t *bytes, uint32_t size) {
    store_u32(bytes + size - 4, crc32(0, bytes, size - 4));
}

static void params(const uint8_t *data, size_t size, bool sealed) {
    static const struct journal no_journal;
    static const struct hal_layout no_layout;
    uint8_t *block = malloc(BOOT_PARAMS_BYTES);
    uint8_t buffer[TRUST_BUFFER_BYTES];
    struct boot_params p;
    struct keyset keyset;
    memset(block, 0, BOOT_PARAMS_BYTES);
    memcpy(block, data, size < BOOT_PARAMS_BYTES ? size : BOOT_PARAMS_BYTES);
    if (sealed) {
        seal(block, BOOT_PARAMS_BYTES);
    }
    int err = boot_params_read(&p, block);
    CHECK(err == 0 || err == ERR_FORMAT || err == ERR_UNSUPPORTED);
    if (err == 0) {
        const uint8_t *end = block + BOOT_PARAMS_BYTES - 4; // of what is not the CRC
        CHECK(p.vid > block && p.cid > block && p.fleet > block && p.root[0] > block);
        CHECK(p.root[1] + 64 <= end && p.keyset > block && p.keyset + p.keyset_size <= end);
        err = trust_load(&keyset, buffer, &no_layout, &no_journal, &p);
        CHECK(err < 0 || keyset.n_keys <= KEYSET_KEYS_MAX);
    }
    free(block);
}

static void identity(const uint8_t *data, size_t size, bool sealed) {
    struct identity found;
    uint8_t id[16];
    ram_flash_make(BLOCK_BYTES, 8, 0xFF);
    uint8_t *area = ram_cells + ram_layout.identity.offset;
    memcpy(area, data, size < BLOCK_BYTES ? size : BLOCK_BYTES);
    for (uint32_t at = 0; sealed && at < BLOCK_BYTES; at += IDENTITY_RECORD_BYTES) {
        seal(area + at, IDENTITY_RECORD_BYTES);
    }
    int err = identity_load(&found, &ram_layout);
    CHECK(err == 0 || err == ERR_NOT_FOUND || err == ERR_FORMAT);
    CHECK(err != ERR_NOT_FOUND || identity_flags(&ram_layout) == 0);
    if (err == 0) {
        CHECK(strnlen(found.url, sizeof(found.url)) <= IDENTITY_URL_MAX);
        CHECK(found.flags == identity_flags(&ram_layout));
        identity_device_id(&found, id);
    }
}

static void trust_copy(const uint8_t *data, size_t size, bool sealed) {
    static const struct journal_id id = {.type = JOURNAL_KEYSET};
    uint8_t payload[40] = {0}; // names no keyset that there is
    uint8_t *buffer = malloc(TRUST_BUFFER_BYTES);
    struct boot_params none = *product_params();
    struct keyset keyset;
    struct journal j;
    none.keyset_size = 0;
    ram_flash_make(BLOCK_BYTES, 8, 0xFF);
    uint8_t *copy = ram_cells + ram_layout.trust[1].offset;
    memcpy(copy, data, size < BLOCK_BYTES ? size : BLOCK_BYTES);
    uint32_t kept = 8U + load_u16(copy + 6);
    if (sealed && kept <= BLOCK_BYTES - 4) {
        seal(copy, kept + 4);
    }
    CHECK_EQUAL(journal_open(&j, &ram_layout, JOURNAL_AT_BOOT), 0);
    CHECK_EQUAL(journal_append(&j, id, payload, sizeof(payload)), 0);
    CHECK_EQUAL(trust_load(&keyset, buffer, &ram_layout, &j, &none), ERR_NOT_FOUND);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    params(data + 1, size - 1, data[0] & SEALED);
    identity(data + 1, size - 1, data[0] & SEALED);
    trust_copy(data + 1, size - 1, data[0] & SEALED);
    return 0;
}
