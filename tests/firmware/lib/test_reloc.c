// SPDX-License-Identifier: Apache-2.0
// The relocator on random bodies and tables: any split, resumed anywhere, streamed with no more
// than has arrived; and on tables spoiled at random, where a plain reading of the rules is the
// judge.
#include "check.h"
#include "hal/err.h"
#include "image/reloc.h"
#include "memory_source.h"
#include "table.h"

enum { MAX_BYTES = 6000, MAX_WORDS = 1500, BASE = 0x21400200 };

static uint32_t seed = 1;

static uint32_t below(uint32_t n) {
    return check_random(&seed) % n;
}

struct body {
    uint8_t bytes[MAX_BYTES];
    uint32_t size, table, table_end, granule, words;
    uint32_t word[MAX_WORDS];
    bool negative[MAX_WORDS];
};

static void store_u32(uint8_t *p, uint32_t x) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(x >> 8 * i);
    }
}

static uint32_t load(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// Entries for the words of `b`; returns their length.
static uint32_t encode(const struct body *b, uint8_t *to) {
    uint32_t n = 0, before = 0;
    for (uint32_t i = 0; i < b->words; i++) {
        uint32_t value = (b->word[i] - before) / b->granule << 1 | b->negative[i];
        before = b->word[i];
        for (; value >= 0x80; value >>= 7) {
            to[n++] = (uint8_t)(value | 0x80);
        }
        to[n++] = (uint8_t)value;
    }
    return n;
}

// Where `word` may not lie, given that the table ends at `table_end`.
static bool is_free(const struct body *b, uint32_t word) {
    return word + 4 <= b->size && (word + 4 <= 0x20 || word >= 0x2c) &&
           (word + 4 <= b->table || word >= b->table_end);
}

// A body of random bytes with a table of random words from `first` on, dense or sparse.
static void make_body_from(struct body *b, uint32_t first) {
    memset(b, 0, sizeof *b);
    b->granule = below(2) ? 4 : 2;
    b->size = 200 + below(MAX_BYTES - 200);
    b->table = 0x2c + 4 * below((b->size / 2 < 1024 ? b->size / 2 : 1024) / 4 - 11);
    for (uint32_t i = 0; i < b->size; i++) {
        b->bytes[i] = (uint8_t)below(256);
    }
    uint32_t wanted = (b->size - b->table - 16) / 4, stride = 1 + below(40);
    b->table_end = b->table + 16 + wanted / 4 * 4; // entries up to here
    for (uint32_t at = first; at + 4 <= b->size && b->words < wanted / 3;) {
        if (is_free(b, at)) {
            b->word[b->words] = at;
            b->negative[b->words++] = below(3) == 0;
            at += 4;
        } else {
            at += b->granule;
        }
        at += b->granule * below(stride);
    }
    uint8_t entries[2 * MAX_WORDS];
    uint32_t length = encode(b, entries);
    CHECK(length <= wanted / 4 * 4);
    memset(b->bytes + b->table, 0, b->table_end - b->table); // what is not needed stays zero
    b->table_end = b->table + 16 + (length + 3) / 4 * 4;
    uint8_t *head = b->bytes + b->table;
    head[0] = 1;
    head[1] = (uint8_t)b->granule;
    store_u32(head + 4, BASE);
    store_u32(head + 8, b->words);
    store_u32(head + 12, length);
    memcpy(head + 16, entries, length);
    memcpy(b->bytes + 0x20, "RLOC", 4);
    store_u32(b->bytes + 0x24, b->table);
    store_u32(b->bytes + 0x28, 0x2c);
}

static void make_body(struct body *b) {
    make_body_from(b, 0);
}

static void move(const struct body *b, uint8_t *bytes, uint32_t delta) {
    memcpy(bytes, b->bytes, b->size);
    for (uint32_t i = 0; i < b->words; i++) {
        uint8_t *p = bytes + b->word[i];
        store_u32(p, load(p) + (b->negative[i] ? 0 - delta : delta));
    }
}

static void open_body(struct reloc *r, struct memory *m, const struct body *b,
                      const uint8_t *bytes) {
    memory_init(m, bytes, b->size);
    CHECK(reloc_open(r, &m->source, b->table, b->size, BASE) == 0);
    CHECK(table_check(r) == 0);
}

static void any_split_both_directions(void) {
    static struct body b;
    static uint8_t moved[MAX_BYTES], is[MAX_BYTES];
    struct memory m;
    struct reloc r;
    for (int round = 0; round < 300; round++) {
        make_body(&b);
        uint32_t delta = check_random(&seed), most = 1 + below(round % 2 ? 9 : 700);
        move(&b, moved, delta);
        for (int back = 0; back < 2; back++) {
            const uint8_t *from = back ? moved : b.bytes, *to = back ? b.bytes : moved;
            open_body(&r, &m, &b, from);
            memcpy(is, from, b.size);
            for (uint32_t at = 0, n; at < b.size; at += n) {
                n = b.size - at < most ? b.size - at : 1 + below(most);
                CHECK(reloc_apply(&r, back ? 0 - delta : delta, is + at, n) == 0);
            }
            CHECK(check_same(is, to, b.size) && reloc_done(&r) == 0);
            CHECK(reloc_apply(&r, 0, is, 1) == ERR_RANGE);
        }
    }
}

// One body, cut in two at every offset; then resumed there from either form.
static void every_split(void) {
    static struct body b;
    static uint8_t moved[MAX_BYTES], is[MAX_BYTES];
    struct memory m;
    struct reloc r;
    do {
        make_body(&b);
    } while (b.granule != 2 || b.size > 900 || b.words < 20);
    uint32_t delta = 0x00fff0f1; // carries into every byte
    move(&b, moved, delta);
    for (uint32_t cut = 0; cut <= b.size; cut++) {
        open_body(&r, &m, &b, b.bytes);
        memcpy(is, b.bytes, b.size);
        CHECK(reloc_apply(&r, delta, is, cut) == 0);
        CHECK(reloc_apply(&r, delta, is + cut, b.size - cut) == 0);
        CHECK(check_same(is, moved, b.size) && reloc_done(&r) == 0);
        for (int applied = 0; applied < 2; applied++) {
            open_body(&r, &m, &b, applied ? moved : b.bytes);
            CHECK(reloc_seek(&r, cut, delta, applied) == 0);
            memcpy(is, b.bytes, b.size);
            CHECK(reloc_apply(&r, delta, is + cut, b.size - cut) == 0);
            CHECK(check_same(is + cut, moved + cut, b.size - cut) && reloc_done(&r) == 0);
        }
    }
    CHECK(reloc_seek(&r, b.size + 1, delta, true) == ERR_RANGE);
}

// As a writer does it: hold the head until it is enough, then relocate what arrives, and read back
// only what has been written.
static void streaming(void) {
    static struct body b;
    static uint8_t moved[MAX_BYTES], slot[MAX_BYTES];
    struct memory m;
    struct reloc r;
    for (int round = 0; round < 300; round++) {
        make_body(&b);
        uint32_t delta = check_random(&seed), arrived = 0;
        move(&b, moved, delta);
        memset(slot, 0xff, sizeof slot);
        int ready = 0;
        while (ready == 0) {
            CHECK(arrived < RELOC_HEAD_MAX_BYTES && arrived < b.size);
            arrived++;
            memcpy(slot, b.bytes,
                   arrived); // exactly sized, so that the sanitizer sees a byte too many
            uint8_t *head = malloc(arrived);
            memcpy(head, b.bytes, arrived);
            ready = reloc_head_ready(head, arrived, b.size);
            free(head);
        }
        CHECK(ready == 1);
        memory_init(&m, slot, b.size);
        CHECK(reloc_open(&r, &m.source, b.table, b.size, BASE) == 0);
        r.readable = arrived;
        CHECK(reloc_apply(&r, delta, slot, arrived) == 0);
        while (arrived < b.size) {
            uint32_t n = 1 + below(300);
            n = n < b.size - arrived ? n : b.size - arrived;
            memcpy(slot + arrived, b.bytes + arrived, n);
            r.readable = arrived + n;
            CHECK(reloc_apply(&r, delta, slot + arrived, n) == 0);
            arrived += n;
            CHECK(m.highest <= arrived);
        }
        CHECK(reloc_done(&r) == 0 && check_same(slot, moved, b.size));
    }
}

// A table that has not arrived is a state, not a fault, and asking again later goes on: also where
// the last byte that is there lies inside an entry.
static void too_early(void) {
    static struct body b;
    static uint8_t is[MAX_BYTES], moved[MAX_BYTES];
    struct memory m;
    struct reloc r;
    do {
        make_body_from(&b, 512);
    } while (b.words < 30);
    CHECK(b.bytes[b.table + 16] >= 0x80); // an entry of two bytes
    move(&b, moved, 4096);
    for (uint32_t there = b.table + 16; there < b.table + 18; there++) {
        open_body(&r, &m, &b, b.bytes);
        r.readable = there;
        memcpy(is, b.bytes, b.size);
        CHECK(reloc_apply(&r, 4096, is, 1) == ERR_STATE);
        CHECK(reloc_done(&r) == ERR_STATE);
        r.readable = b.size;
        CHECK(reloc_apply(&r, 4096, is, b.size) == 0 && reloc_done(&r) == 0);
        CHECK(check_same(is, moved, b.size));
    }
}

// The rules of FORMAT.md section 3 as plainly as they can be said, for tables that are in RAM.
static bool is_valid(const struct body *b) {
    const uint8_t *head = b->bytes + b->table;
    uint32_t count = load(head + 8), length = load(head + 12), end = b->table + 16;
    if (head[0] != 1 || (head[1] != 2 && head[1] != 4) || head[2] || head[3] ||
        load(head + 4) != BASE || length > b->size - end) {
        return false;
    }
    uint64_t table_end = end + ((uint64_t)length + 3) / 4 * 4, word = 0, words = 0;
    const uint8_t *p = head + 16, *stop = p + length;
    while (p < stop) {
        uint64_t value = 0;
        unsigned shift = 0, n = 0;
        do {
            if (p == stop || n == 5) {
                return false;
            }
            value |= (uint64_t)(*p & 0x7f) << shift;
            shift += 7;
            n++;
        } while (*p++ & 0x80);
        if (value > UINT32_MAX || (n > 1 && p[-1] == 0)) {
            return false;
        }
        uint64_t gap = (value >> 1) * head[1];
        word += gap;
        if ((words > 0 && gap < 4) || word + 4 > b->size || (word < 0x2c && word + 4 > 0x20) ||
            (word < table_end && word + 4 > b->table)) {
            return false;
        }
        words++;
    }
    return words == count && table_end <= b->size;
}

static void spoil(struct body *b) {
    static const uint8_t favourites[] = {0, 1, 2, 4, 0x7f, 0x80, 0x81, 0xff};
    for (uint32_t n = 1 + below(3); n > 0; n--) {
        uint32_t at = b->table + below(b->table_end - b->table < 60 || below(2) ? 17 : 60);
        b->bytes[at] = below(2) ? favourites[below(sizeof favourites)]
                                : (uint8_t)(b->bytes[at] ^ 1 << below(8));
    }
}

static void spoiled_tables_are_refused_or_harmless(void) {
    static struct body b;
    static uint8_t is[MAX_BYTES];
    struct memory m;
    struct reloc r;
    int refused = 0, rounds = 30000;
    for (int round = 0; round < rounds; round++) {
        if (round % 50 == 0) {
            make_body(&b);
        }
        struct body spoiled = b;
        spoil(&spoiled);
        memory_init(&m, spoiled.bytes, spoiled.size);
        int err = reloc_open(&r, &m.source, spoiled.table, spoiled.size, BASE);
        int opened = err;
        err = err < 0 ? err : table_check(&r);
        CHECK_EQUAL(err, is_valid(&spoiled) ? 0 : ERR_RELOCATION);
        refused += err < 0;
        if (opened == 0) { // not checked beforehand, applying comes to the same end
            memcpy(is, spoiled.bytes, spoiled.size);
            int applied = reloc_apply(&r, 0x1000, is, spoiled.size);
            applied = applied < 0 ? applied : reloc_done(&r);
            CHECK_EQUAL(applied, err);
        }
    }
    CHECK(refused > rounds / 4 && refused < rounds);
}

static void endless_and_huge_tables_end(void) {
    static uint8_t body[MAX_BYTES];
    struct memory m;
    struct reloc r;
    memset(body, 0x80, sizeof body); // a varint that never ends
    memcpy(body + 0x20, "RLOC\x2c\0\0\0\x2c\0\0\0", 12);
    memcpy(body + 0x2c, "\1\4\0\0", 4);
    store_u32(body + 0x30, BASE);
    store_u32(body + 0x34, 1);
    store_u32(body + 0x38, sizeof body - 0x3c);
    memory_init(&m, body, sizeof body);
    CHECK(reloc_open(&r, &m.source, 0x2c, sizeof body, BASE) == 0);
    CHECK(table_check(&r) == ERR_RELOCATION);
    CHECK(reloc_head_ready(body, sizeof body, sizeof body) == ERR_RELOCATION);
    for (uint32_t bad = UINT32_MAX; bad > 0; bad /= 2) {
        store_u32(body + 0x38, bad);
        int err = reloc_open(&r, &m.source, 0x2c, sizeof body, BASE);
        CHECK(err == 0 || err == ERR_RELOCATION);
        CHECK(err < 0 || bad <= sizeof body - 0x3c);
        store_u32(body + 0x34, bad);
        err = reloc_open(&r, &m.source, 0x2c, sizeof body, BASE);
        CHECK(err == ERR_RELOCATION || table_check(&r) == ERR_RELOCATION);
    }
}

static void impossible_places_are_refused(void) {
    uint8_t body[64] = {0};
    struct memory m;
    struct reloc r;
    memory_init(&m, body, sizeof body);
    const uint32_t bad[] = {0, 4, 0x28, 0x2d, 0x34, 52, 64, 1024, 1028, 0xfffffffc, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(reloc_open(&r, &m.source, bad[i], sizeof body, BASE) == ERR_RELOCATION);
        memcpy(body + 0x20, "RLOC", 4);
        store_u32(body + 0x24, bad[i]);
        CHECK(reloc_head_ready(body, sizeof body, sizeof body) == ERR_RELOCATION);
    }
    CHECK(reloc_head_ready(body, 0, 20) == 1);  // too short for a table
    CHECK(reloc_head_ready(body, 43, 64) == 0); // the words are not there yet
    memset(body, 0, sizeof body);
    CHECK(reloc_head_ready(body, 44, 64) == 1); // no magic
}

// A table without fault but for where it lies.
static int open_at(uint32_t table, uint32_t size, uint32_t length) {
    static uint8_t body[2048];
    struct memory m;
    struct reloc r;
    memset(body, 0, sizeof body);
    if (table <= size - 16) {
        memcpy(body + table, "\1\4\0\0", 4);
        store_u32(body + table + 4, BASE);
        store_u32(body + table + 8, length);
        store_u32(body + table + 12, length);
    }
    memory_init(&m, body, size);
    return reloc_open(&r, &m.source, table, size, BASE);
}

static void the_table_lies_where_it_may(void) {
    CHECK(open_at(0x2c, 2048, 0) == 0 && open_at(1024, 2048, 0) == 0);
    CHECK(open_at(0x28, 2048, 0) == ERR_RELOCATION);
    CHECK(open_at(0x2e, 2048, 0) == ERR_RELOCATION);
    CHECK(open_at(1028, 2048, 0) == ERR_RELOCATION);
    CHECK(open_at(100, 116, 0) == 0);
    CHECK(open_at(100, 115, 0) == ERR_RELOCATION);
    CHECK(open_at(100, 117, 0) == 0);
    CHECK(open_at(100, 117, 1) == ERR_RELOCATION); // its padding would lie behind the body
    CHECK(open_at(100, 120, 1) == 0);
}

int main(void) {
    the_table_lies_where_it_may();
    any_split_both_directions();
    every_split();
    streaming();
    too_early();
    spoiled_tables_are_refused_or_harmless();
    endless_and_huge_tables_end();
    impossible_places_are_refused();
    return 0;
}
