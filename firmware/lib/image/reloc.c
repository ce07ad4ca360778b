// SPDX-License-Identifier: Apache-2.0
// The relocator. Words are added to byte by byte with a carry, which is what lets a piece of the
// body end anywhere in a word.
#include "image/reloc.h"
#include "hal/err.h"
#include "load.h"
#include <string.h>

enum {
    HEAD_BYTES = 16,
    VERSION = 1,
    VARINT_MAX_BYTES = 5,
    WORD_BYTES = 4,
};

static const uint32_t magic = 0x434f4c52; // "RLOC"
static const uint32_t no_word = UINT32_MAX;

uint32_t reloc_table_offset(const uint8_t *head, uint32_t size) {
    if (size < RELOC_WORDS_END || load_u32(head + RELOC_WORDS_START) != magic) {
        return 0;
    }
    uint32_t table = load_u32(head + RELOC_WORDS_START + 4);
    return table != 0 ? table : no_word; // 0 is no valid place either
}

bool reloc_place_valid(uint32_t table_offset, uint32_t body_size) {
    return table_offset >= RELOC_WORDS_END && table_offset <= RELOC_MAX_TABLE_OFFSET &&
           table_offset % 4 == 0 && body_size >= HEAD_BYTES &&
           table_offset <= body_size - HEAD_BYTES;
}

static void rewind_entries(struct reloc *r) {
    r->cursor = r->entries;
    r->left = r->count;
    r->word = 0;
    r->position = 0;
    r->carry = 0;
    r->pending = 1;
    r->cache_start = r->cache_end = 0;
}

int reloc_open(struct reloc *r, const struct image_source *body, uint32_t table_offset,
               uint32_t body_size, uint32_t slot_a_body) {
    uint8_t head[HEAD_BYTES];
    memset(r, 0, sizeof *r);
    if (!reloc_place_valid(table_offset, body_size)) {
        return ERR_RELOCATION;
    }
    int err = body->read(body->ctx, table_offset, head, sizeof head);
    if (err < 0) {
        return err;
    }
    uint32_t length = load_u32(head + 12), room = body_size - table_offset - HEAD_BYTES;
    r->body = body;
    r->readable = r->body_size = body_size;
    r->granule = head[1];
    r->count = load_u32(head + 8);
    if (head[0] != VERSION || (r->granule != 2 && r->granule != 4) || load_u16(head + 2) != 0 ||
        load_u32(head + 4) != slot_a_body || length > room) {
        return ERR_RELOCATION;
    }
    r->table = table_offset;
    r->entries = table_offset + HEAD_BYTES;
    r->entries_end = r->entries + length;
    r->table_end = (r->entries_end + 3) & ~(uint32_t)3;
    if (r->table_end > body_size) {
        return ERR_RELOCATION;
    }
    rewind_entries(r);
    return 0;
}

// The next byte of the entries.
static int next_byte(struct reloc *r, uint8_t *byte) {
    if (r->cursor >= r->entries_end) {
        return ERR_RELOCATION;
    }
    if (r->cache_start == r->cache_end) {
        if (r->cursor >= r->readable) {
            return ERR_STATE;
        }
        uint32_t end = r->entries_end < r->readable ? r->entries_end : r->readable;
        uint32_t n = end - r->cursor < sizeof r->cache ? end - r->cursor : sizeof r->cache;
        int err = r->body->read(r->body->ctx, r->cursor, r->cache, n);
        if (err < 0) {
            return err;
        }
        r->cache_start = 0;
        r->cache_end = (uint8_t)n;
    }
    r->cursor++;
    *byte = r->cache[r->cache_start++];
    return 0;
}

// Unsigned LEB128, no longer than needed and below 2^32.
static int next_varint(struct reloc *r, uint32_t *value) {
    uint8_t byte;
    *value = 0;
    for (unsigned i = 0; i < VARINT_MAX_BYTES; i++) {
        int err = next_byte(r, &byte);
        if (err < 0) {
            return err;
        }
        if (i == VARINT_MAX_BYTES - 1 && byte > 0x0f) { // a sixth byte, or above 32 bits
            return ERR_RELOCATION;
        }
        *value |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return byte == 0 && i > 0 ? ERR_RELOCATION : 0;
        }
    }
    return ERR_RELOCATION;
}

// `word` lies in the body, so the sum cannot wrap.
static bool overlaps(uint32_t word, uint32_t start, uint32_t end) {
    return word < end && word + WORD_BYTES > start;
}

// Moves on to the next listed word, or to no_word behind the last.
static int next_word(struct reloc *r) {
    uint32_t value;
    if (r->left == 0) {
        r->word = no_word;
        return r->cursor == r->entries_end ? 0 : ERR_RELOCATION;
    }
    uint32_t start = r->cursor;
    int err = next_varint(r, &value);
    if (err < 0) {
        r->cursor = start; // to be tried again when more of the table is there
        r->cache_start = r->cache_end = 0;
        return err;
    }
    uint32_t gap = value >> 1;
    if (gap > (r->body_size - r->word) / r->granule) {
        return ERR_RELOCATION;
    }
    gap *= r->granule;
    bool is_first = r->left == r->count;
    uint32_t word = r->word + gap;
    if ((!is_first && gap < WORD_BYTES) || r->body_size - word < WORD_BYTES ||
        overlaps(word, RELOC_WORDS_START, RELOC_WORDS_END) ||
        overlaps(word, r->table, r->table_end)) {
        return ERR_RELOCATION;
    }
    r->word = word;
    r->negative = value & 1;
    r->left--;
    return 0;
}

int reloc_apply(struct reloc *r, uint32_t delta, uint8_t *buf, uint32_t size) {
    if (size > r->body_size - r->position) {
        return ERR_RANGE;
    }
    while (size > 0) {
        if (r->pending) {
            int err = next_word(r);
            if (err < 0) {
                return err;
            }
            r->pending = 0;
            r->carry = 0;
        }
        uint32_t n = 1;
        if (r->position < r->word) {
            n = r->word - r->position < size ? r->word - r->position : size;
        } else {
            uint32_t at = r->position - r->word, add = r->negative ? 0 - delta : delta;
            uint32_t sum = *buf + (add >> (8 * at) & 0xff) + r->carry;
            *buf = (uint8_t)sum;
            r->carry = (uint8_t)(sum >> 8);
            r->pending = at == WORD_BYTES - 1;
        }
        r->position += n;
        buf += n;
        size -= n;
    }
    return 0;
}

// The carry out of the first `size` bytes (1 to 3) of the word at hand.
static int find_carry(struct reloc *r, uint32_t size, uint32_t delta, bool applied) {
    uint8_t bytes[WORD_BYTES] = {0};
    int err = r->body->read(r->body->ctx, r->word, bytes, size);
    if (err < 0) {
        return err;
    }
    uint32_t mask = ((uint32_t)1 << (8 * size)) - 1;
    uint32_t value = load_u32(bytes), add = (r->negative ? 0 - delta : delta) & mask;
    r->carry = applied ? value < add : value + add > mask;
    return 0;
}

int reloc_seek(struct reloc *r, uint32_t offset, uint32_t delta, bool applied) {
    if (offset > r->body_size) {
        return ERR_RANGE;
    }
    rewind_entries(r);
    if (offset == 0) {
        return 0;
    }
    do {
        int err = next_word(r);
        if (err < 0) {
            return err;
        }
    } while (r->word != no_word && r->word + WORD_BYTES <= offset);
    r->pending = 0;
    r->position = offset;
    return r->word < offset ? find_carry(r, offset - r->word, delta, applied) : 0;
}

int reloc_done(struct reloc *r) {
    if (r->position != r->body_size) {
        return ERR_STATE;
    }
    if (r->pending) {
        int err = next_word(r);
        if (err < 0) {
            return err;
        }
        r->pending = 0;
    }
    return r->word == no_word ? 0 : ERR_RELOCATION;
}

static int read_head(void *ctx, uint32_t offset, void *to, uint32_t size) {
    memcpy(to, (const uint8_t *)ctx + offset,
           size); // reloc_head_ready asks for no more than is there
    return 0;
}

int reloc_head_ready(const uint8_t *head, uint32_t size, uint32_t body_size) {
    if (body_size < RELOC_WORDS_END) {
        return 1;
    }
    if (size < RELOC_WORDS_END) {
        return 0;
    }
    uint32_t table = reloc_table_offset(head, size);
    if (table == 0) {
        return 1;
    }
    if (!reloc_place_valid(table, body_size)) {
        return ERR_RELOCATION;
    }
    if (size < table + HEAD_BYTES) {
        return 0;
    }
    const struct image_source held = {.read = read_head, .ctx = (void *)(uintptr_t)head};
    struct reloc r;
    int err = reloc_open(&r, &held, table, body_size, load_u32(head + table + 4));
    r.readable = size;
    do {
        err = err < 0 ? err : next_word(&r);
        if (err < 0) {
            return err == ERR_STATE ? 0 : err;
        }
    } while (r.word < table);
    return 1;
}
