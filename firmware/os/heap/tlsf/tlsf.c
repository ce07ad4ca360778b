// SPDX-License-Identifier: Apache-2.0
// Two-level segregated fit (Masmano et al., ECRTS 2004): allocating and freeing in constant time.
// Free blocks hang in lists by size: 8 classes for every power of two.
#include "hal/arch.h"
#include "os/heap.h"
#include "os/panic.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WORD = sizeof(size_t),
    ALIGN_BYTES = 2 * WORD,
    CLASSES_LOG2 = 3,
    CLASSES = 1 << CLASSES_LOG2,
    SMALL_LOG2 = WORD == 8 ? 7 : 6, // sizes below have a list for every multiple of ALIGN_BYTES
    ROWS = 22,                      // 2^(ROWS + SMALL_LOG2 - 1) bytes and above are never asked for
    FREE = 1,
    PREVIOUS_FREE = 2,
    FLAGS = FREE | PREVIOUS_FREE,
    PAYLOAD_MIN = 3 * WORD,
};

// `previous` lies in the tail of the block before and counts only while that one is free. What is
// given out starts at `next`, so a block in use costs one word. Payloads are an odd number of
// words.
struct block {
    struct block *previous;
    size_t size;               // of the payload, and the flags
    struct block *next, *last; // neighbours in the list, while free
};

static struct block *lists[ROWS][CLASSES];
static uint32_t rows;         // which rows have a block
static uint8_t classes[ROWS]; // which classes of a row
static size_t total, in_use, peak;

static size_t size_of(const struct block *b) {
    return b->size & ~(size_t)FLAGS;
}

static struct block *behind(struct block *b) {
    return (struct block *)((uint8_t *)b + WORD + size_of(b));
}

static unsigned log2_of(size_t n) {
    return (unsigned)(WORD * CHAR_BIT - 1) - (unsigned)__builtin_clzl(n);
}

struct place {
    unsigned row, class;
};

static struct place place_of(size_t size) {
    if (size < (size_t)1 << SMALL_LOG2) {
        return (struct place){0, (unsigned)(size / ALIGN_BYTES)};
    }
    unsigned log2 = log2_of(size);
    return (struct place){log2 - SMALL_LOG2 + 1,
                          (unsigned)(size >> (log2 - CLASSES_LOG2)) - CLASSES};
}

static void insert(struct block *b) {
    struct place p = place_of(size_of(b));
    struct block *head = lists[p.row][p.class];
    b->next = head;
    b->last = NULL;
    if (head != NULL) {
        head->last = b;
    }
    lists[p.row][p.class] = b;
    rows |= 1U << p.row;
    classes[p.row] |= (uint8_t)(1U << p.class);
    b->size |= FREE;
    behind(b)->previous = b;
    behind(b)->size |= PREVIOUS_FREE;
}

static void extract(struct block *b) {
    struct place p = place_of(size_of(b));
    if (b->next != NULL) {
        b->next->last = b->last;
    }
    if (b->last != NULL) {
        b->last->next = b->next;
    } else {
        lists[p.row][p.class] = b->next;
        if (b->next == NULL) {
            classes[p.row] &= (uint8_t)~(1U << p.class);
            rows &= classes[p.row] != 0 ? ~0U : ~(1U << p.row);
        }
    }
    b->size &= ~(size_t)FREE;
    behind(b)->size &= ~(size_t)PREVIOUS_FREE;
}

// A free block of at least `size`: the first of the next class, whose blocks all are large enough.
static struct block *find(size_t size) {
    if (size >= (size_t)1 << SMALL_LOG2) {
        size += ((size_t)1 << (log2_of(size) - CLASSES_LOG2)) - 1;
    }
    struct place p = place_of(size);
    if (p.row >= ROWS) {
        return NULL;
    }
    uint32_t found = classes[p.row] & ~0U << p.class;
    if (found == 0) {
        uint32_t above = rows & ~1U << p.row;
        if (above == 0) {
            return NULL;
        }
        p.row = (unsigned)__builtin_ctz(above);
        found = classes[p.row];
    }
    return lists[p.row][__builtin_ctz(found)];
}

static void start(void) {
    uintptr_t from = ((uintptr_t)hal_heap_start + ALIGN_BYTES - 1) & ~(uintptr_t)(ALIGN_BYTES - 1);
    total = ((uintptr_t)hal_heap_end - from) & ~(size_t)(ALIGN_BYTES - 1);
    struct block *all = (struct block *)from;
    all->size = total - ALIGN_BYTES - WORD; // one header here, one word of the end mark behind
    behind(all)->size = 0;
    insert(all);
    in_use = peak = ALIGN_BYTES + WORD;
}

static void split(struct block *b, size_t size) {
    size_t rest = size_of(b) - size;
    if (rest < WORD + PAYLOAD_MIN) {
        return;
    }
    b->size = size | (b->size & FLAGS);
    behind(b)->size = rest - WORD;
    insert(behind(b));
}

void *os_alloc(size_t size) {
    if (total == 0) {
        start();
    }
    if (size == 0 || size > total) {
        return NULL;
    }
    size = ((size + WORD + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1)) - WORD;
    size = size < PAYLOAD_MIN ? PAYLOAD_MIN : size;
    struct block *b = find(size);
    if (b == NULL) {
        return NULL;
    }
    extract(b);
    split(b, size);
    in_use += size_of(b) + WORD;
    peak = in_use > peak ? in_use : peak;
    return (void *)&b->next;
}

void os_free(void *payload) {
    if (payload == NULL) {
        return;
    }
    struct block *b = (struct block *)((uint8_t *)payload - offsetof(struct block, next));
    ASSERT(!(b->size & FREE)); // given back twice
    in_use -= size_of(b) + WORD;
    struct block *after = behind(b);
    if (after->size & FREE) {
        extract(after);
        b->size += WORD + size_of(after);
    }
    if (b->size & PREVIOUS_FREE) {
        struct block *before = b->previous;
        extract(before);
        before->size += WORD + size_of(b);
        b = before;
    }
    insert(b);
}

void os_heap_stats(struct os_heap_stats *stats) {
    if (total == 0) {
        start();
    }
    *stats = (struct os_heap_stats){.size = total, .used = in_use, .peak = peak};
    if (rows != 0) {
        unsigned row = log2_of(rows);
        size_t size = size_of(lists[row][log2_of(classes[row])]);
        size_t step = row > 0 ? (size_t)1 << (log2_of(size) - CLASSES_LOG2) : 1;
        stats->largest_free =
            row > 0 ? (size & ~(step - 1)) - WORD : size; // what `find` gives for sure
    }
}
