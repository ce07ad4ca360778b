// SPDX-License-Identifier: Apache-2.0
// The relocation table, the one thing that is read before a signature: the input is a body.
// Whatever it says, nothing outside is touched; and a table that passes moves the body there and
// back, whole, in pieces, and resumed.
#include "hal/err.h"
#include "image/reloc.h"
#include "lib/memory_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t load(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int apply_in_pieces(struct reloc *r, uint32_t delta, uint8_t *buf, uint32_t size) {
    for (uint32_t at = 0, n = 1; at < size; at += n) {
        n = n % 13 + 1 < size - at ? n % 13 + 1 : size - at;
        int err = reloc_apply(r, delta, buf + at, n);
        if (err < 0) {
            return err;
        }
    }
    return reloc_done(r);
}

static void good_tables_go_there_and_back(struct reloc *r, struct memory *b) {
    const uint32_t delta = 0x00101000 + b->size;
    const uint8_t *canonical = b->bytes;
    uint8_t *moved = malloc(b->size), *again = malloc(b->size);
    memcpy(moved, canonical, b->size);
    CHECK(reloc_apply(r, delta, moved, b->size) == 0 && reloc_done(r) == 0);
    uint32_t middle = b->size / 2 + b->size % 7;
    middle = middle < b->size ? middle : b->size;
    b->bytes = moved;
    CHECK(reloc_seek(r, middle, delta, true) == 0);
    memcpy(again, canonical, b->size);
    CHECK(reloc_apply(r, delta, again + middle, b->size - middle) == 0);
    CHECK(check_same(again + middle, moved + middle, b->size - middle));
    CHECK(reloc_seek(r, 0, 0, true) == 0);
    memcpy(again, moved, b->size);
    CHECK(apply_in_pieces(r, 0 - delta, again, b->size) == 0);
    CHECK(check_same(again, canonical, b->size));
    b->bytes = canonical;
    free(moved);
    free(again);
}

static void bad_tables_are_found_on_the_way(struct reloc *r, const struct memory *b, int verdict) {
    uint8_t *moved = malloc(b->size);
    memcpy(moved, b->bytes, b->size);
    CHECK(apply_in_pieces(r, 0x1000, moved, b->size) == verdict);
    free(moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct memory b;
    struct reloc r;
    int ready = 0;
    memory_init(&b, data, (uint32_t)size);
    for (uint32_t n = 0; ready == 0 && n <= b.size; n++) {
        ready = reloc_head_ready(data, n, b.size);
        CHECK(ready != 0 || n < RELOC_HEAD_MAX_BYTES);
    }
    uint32_t table = reloc_table_offset(data, b.size);
    if (table == 0 || !reloc_place_valid(table, b.size)) {
        return 0;
    }
    if (reloc_open(&r, &b.source, table, b.size, load(data + table + 4)) < 0) {
        return 0;
    }
    struct reloc scan = r;
    int verdict = reloc_seek(&scan, b.size, 0, true); // the whole table
    CHECK(verdict == 0 || verdict == ERR_RELOCATION);
    if (verdict < 0) {
        bad_tables_are_found_on_the_way(&r, &b, verdict);
        return 0;
    }
    CHECK(ready == 1);
    good_tables_go_there_and_back(&r, &b);
    return 0;
}
