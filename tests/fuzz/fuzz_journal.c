// SPDX-License-Identifier: Apache-2.0
// sources: firmware/slots/*.c hal/flash.c tests/firmware/slots/no_watchdog.c
// include: firmware/slots/include firmware/slots tests/firmware/slots
// The journal's scan: the input is how to read it, and what lies at the places of both sectors. As
// worn or torn flash may hold anything, nothing may lead it astray; and whatever it found, from
// then on it keeps what is written to it, and loses nothing else.
#include "bytes.h"
#include "hal/err.h"
#include "ram_flash.h"
#include "slots/slots.h"
#include "slots/trust.h"

enum {
    PLACES = 16, // the fewest that there may be
    RECORD_BYTES = 64,
    CRC_AT = 60,
    IDS_ROOM = 10, // of so many there is room for each in a sector, START included
    SEALED = 1,    // modes: give every place the right CRC,
    ERASED_TO_0 = 2,
    LARGE_UNITS = 4, // a record fills a unit of 512,
    AT_BOOT = 8,     // the last look at it is the bootloader's,
    APPENDS_SHIFT = 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct journal_id ids[] = {
    {JOURNAL_BOOT, 0, 0},  {JOURNAL_SLOT, 0, SLOT_A}, {JOURNAL_SLOT, 0, SLOT_B},
    {JOURNAL_FLOOR, 0, 0}, {JOURNAL_KEYSET, 0, 0},    {JOURNAL_GENERATION, 0, 0},
    {JOURNAL_WEAR, 0, 0},
};
enum { IDS = sizeof(ids) / sizeof(ids[0]) };

struct state {
    int err[IDS];
    uint8_t payload[IDS][JOURNAL_PAYLOAD_BYTES];
};

static void fill(const uint8_t *data, size_t size, unsigned mode) {
    uint32_t step = mode & LARGE_UNITS ? 512 : RECORD_BYTES;
    ram_flash_make(PLACES * step, step == 512 ? 512 : 8, mode & ERASED_TO_0 ? 0 : 0xFF);
    for (uint32_t place = 0; place < 2 * PLACES && size > 0; place++) {
        uint8_t *record = ram_cells + place * step;
        size_t n = size < RECORD_BYTES ? size : RECORD_BYTES;
        memcpy(record, data, n);
        if (mode & SEALED && hal_flash_is_blank(&ram_flash, place * step, step) == 0) {
            store_u32(record + CRC_AT, crc32(0, record, CRC_AT));
        }
        data += n;
        size -= n;
    }
}

// How many things the records are about, at most.
static unsigned count_ids(void) {
    uint32_t step = ram_layout.journal[0].size / PLACES;
    unsigned n = 0;
    for (uint32_t place = 0; place < 2 * PLACES; place++) {
        const uint8_t *r = ram_cells + place * step;
        bool seen = false;
        for (uint32_t before = 0; before < place; before++) {
            const uint8_t *b = ram_cells + before * step;
            seen = seen || (b[4] == r[4] && b[6] == r[6] && b[7] == r[7]);
        }
        n += !seen;
    }
    return n;
}

static void look(const struct journal *j, struct state *s) {
    static const uint8_t cid[16];
    static const struct boot_params params = {.cid = cid};
    static const struct keyset keys;
    struct slot_record slot;
    struct boot_record boot;
    CHECK(j->active >= -1 && j->active <= 1 && j->places == PLACES && j->next <= PLACES + 1);
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < IDS; i++) {
        s->err[i] = journal_get(j, ids[i], s->payload[i], NULL);
        CHECK(s->err[i] == 0 || s->err[i] == ERR_NOT_FOUND);
    }
    CHECK(slot_get(j, SLOT_A, &slot) == 0 && slot_get(j, SLOT_B, &slot) == 0);
    CHECK_EQUAL(boot_record_get(j, &boot), s->err[0]);
    (void)trust_floor(&keys, j, &params);
}

static void append(struct journal *j, unsigned which, struct state *expected) {
    uint8_t *payload = expected->payload[which];
    for (unsigned i = 0; i < JOURNAL_PAYLOAD_BYTES; i++) {
        payload[i] = (uint8_t)(payload[i] + i + 1);
    }
    expected->err[which] = 0;
    CHECK_EQUAL(journal_append(j, ids[which], payload, JOURNAL_PAYLOAD_BYTES), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct journal j;
    struct state before;
    struct state after;
    if (size == 0) {
        return 0;
    }
    fill(data + 1, size - 1, data[0]);
    int err = journal_open(&j, &ram_layout, JOURNAL_AT_RUN);
    CHECK(err == 0 || err == ERR_NOT_FOUND);
    look(&j, &before);
    bool unknown = j.unknown;
    bool ends = j.sequence > UINT32_MAX - 10 * PLACES; // no device lives that long
    bool is_full = count_ids() > IDS_ROOM;
    err = journal_open(&j, &ram_layout, JOURNAL_AT_BOOT);
    if (err < 0) {
        CHECK(err == ERR_UNSUPPORTED ? unknown : is_full);
        return 0;
    }
    if (ends || is_full) {
        return 0;
    }
    look(&j, &after);
    CHECK(check_same(&before, &after, sizeof(after)));
    for (unsigned i = data[0] >> APPENDS_SHIFT; i > 0; i--) { // up to where it rolls over again
        append(&j, i % IDS, &before);
    }
    look(&j, &after);
    CHECK(check_same(&before, &after, sizeof(after)));
    bool none = j.active < 0; // nothing was ever written
    err = journal_open(&j, &ram_layout, data[0] & AT_BOOT ? JOURNAL_AT_BOOT : JOURNAL_AT_RUN);
    CHECK_EQUAL(err, none && !(data[0] & AT_BOOT) ? ERR_NOT_FOUND : 0);
    look(&j, &after);
    CHECK(check_same(&before, &after, sizeof(after)));
    return 0;
}
