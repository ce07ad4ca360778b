// SPDX-License-Identifier: Apache-2.0
// Streaming relocator (FORMAT.md section 3): moves the listed words of a body that passes by in
// pieces of any size, in constant memory, forward while writing a slot and back while hashing it.
// Every entry is checked as it is read, so a hostile table ends in ERR_RELOCATION and never in a
// stray access.
#pragma once
#include "hal/language.h"
#include "image/image.h"

C_BEGIN

enum {
    RELOC_MAX_TABLE_OFFSET = 1024,
    RELOC_HEAD_MAX_BYTES = 2048, // what must be held at most before reloc_head_ready says 1
    RELOC_WORDS_START = 0x20,    // magic, table offset, build id offset: never relocated
    RELOC_WORDS_END = 0x2c,
};

// Its fields are the relocator's own, but `readable`.
struct reloc {
    const struct image_source *body;
    // Bytes of the body that `body` can deliver by now. reloc_open sets all of it; who streams sets
    // it to what has arrived before each reloc_apply. Nothing beyond is read.
    uint32_t readable;

    uint32_t body_size;
    uint32_t table, entries, entries_end, table_end; // offsets in the body
    uint32_t count;                                  // entries, by the table's head
    uint32_t cursor;                                 // of the next entry
    uint32_t left;                                   // entries not yet read
    uint32_t word;     // offset of the word at hand, UINT32_MAX if there is none any more
    uint32_t position; // of the next byte to pass
    uint8_t granule;
    uint8_t negative; // sign of the word at hand
    uint8_t carry;    // out of those of its bytes that have passed
    uint8_t pending;  // the next entry has to be read before going on
    uint8_t cache_start, cache_end;
    uint8_t cache[16]; // entries read ahead; cache_start is at `cursor`
};

// Reads the table's head. `body`: offset 0 is the body's start; the table's bytes are the same in
// every slot, so canonical or not does not matter. `slot_a_body`: the base that the table must
// name. ERR_RELOCATION; errors of the source.
int reloc_open(struct reloc *r, const struct image_source *body, uint32_t table_offset,
               uint32_t body_size, uint32_t slot_a_body);

// Adds `delta` (actual body address - base; its negative undoes) to the listed words in the next
// `size` bytes of the body, in place. ERR_RELOCATION; ERR_STATE if an entry that it needs is not
// `readable` yet; ERR_RANGE past the body's end; errors of the source. After an error the buffer is
// spoilt: start again with reloc_seek.
int reloc_apply(struct reloc *r, uint32_t delta, uint8_t *buf, uint32_t size);

// Goes on (or back) to `offset` in the body. Where that is inside a listed word, the up to 3 bytes
// before it are read from `body`; `applied` says whether they are as reloc_apply(delta) left them,
// or as they were before it. ERR_RANGE past the body's end; ERR_RELOCATION; ERR_STATE if an entry
// before `offset` is not `readable` yet; errors of the source.
int reloc_seek(struct reloc *r, uint32_t offset, uint32_t delta, bool applied);

// After the last byte: 0 if the table ended where its head says, else ERR_RELOCATION. ERR_STATE if
// bytes of the body have not passed yet; errors of the source.
int reloc_done(struct reloc *r);

// While streaming: are the first `size` bytes of a body enough to relocate all that lies before the
// table's end? 1 yes (also for a body without a table), 0 more are needed (never beyond
// RELOC_HEAD_MAX_BYTES or the body's size), ERR_RELOCATION if the table's place is impossible.
// The caller holds these bytes in RAM until 1, then opens the relocator.
int reloc_head_ready(const uint8_t *head, uint32_t size, uint32_t body_size);

// Offset of the table that the first 0x2C bytes of a body name; 0 if the body has no magic.
uint32_t reloc_table_offset(const uint8_t *head, uint32_t size);

// Can a table's head lie at `table_offset` of such a body?
bool reloc_place_valid(uint32_t table_offset, uint32_t body_size);

C_END
