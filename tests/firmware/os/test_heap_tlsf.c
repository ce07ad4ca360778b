// SPDX-License-Identifier: Apache-2.0
// TLSF against a record of what was given out: nothing overlaps, nothing is lost, all of it merges
// again.
// sources: firmware/os/heap/tlsf/tlsf.c
// include: firmware/os/heap/include firmware/os/panic/include
#include "check.h"
#include "os/heap.h"

enum { HEAP_BYTES = 64 * 1024, BLOCKS = 200, ROUNDS = 100000 };

uint8_t hal_heap_start[HEAP_BYTES] __attribute__((aligned(16)));
__asm__(".globl hal_heap_end\n .set hal_heap_end, hal_heap_start + 65536"); // HEAP_BYTES

struct given {
    uint8_t *at;
    size_t size;
    uint8_t mark;
};
static struct given blocks[BLOCKS];

static bool is_marked(const struct given *b) {
    for (size_t i = 0; i < b->size; i++) {
        if (b->at[i] != b->mark) {
            return false;
        }
    }
    return true;
}

static struct os_heap_stats stats(void) {
    struct os_heap_stats s;
    os_heap_stats(&s);
    return s;
}

static void fresh(void) {
    CHECK(os_alloc(0) == NULL);
    CHECK(os_alloc(HEAP_BYTES) == NULL);
    CHECK(os_alloc(SIZE_MAX - 3) == NULL);
    os_free(NULL);
    struct os_heap_stats s = stats();
    CHECK(s.size <= HEAP_BYTES && s.used < 64 && s.largest_free > s.size / 4 * 3);
    void *largest = os_alloc(s.largest_free);
    CHECK(largest != NULL && (uintptr_t)largest % 8 == 0);
    os_free(largest);
}

static void one_step(uint32_t *seed) {
    struct given *b = &blocks[check_random(seed) % BLOCKS];
    if (b->at != NULL) {
        CHECK(is_marked(b));
        os_free(b->at);
        b->at = NULL;
        return;
    }
    uint32_t most = check_random(seed) % 8 == 0 ? 5000 : 200;
    b->size = 1 + check_random(seed) % most;
    size_t free_before = stats().largest_free;
    b->at = os_alloc(b->size);
    b->mark = (uint8_t)check_random(seed);
    CHECK(b->at != NULL || b->size > free_before);
    if (b->at != NULL) {
        CHECK((uintptr_t)b->at % 8 == 0);
        CHECK(b->at >= hal_heap_start && b->at + b->size <= hal_heap_start + HEAP_BYTES);
        memset(b->at, b->mark, b->size);
    }
}

int main(void) {
    fresh();
    struct os_heap_stats before = stats();
    uint32_t seed = 12345;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        one_step(&seed);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        CHECK(blocks[i].at == NULL || is_marked(&blocks[i]));
        os_free(blocks[i].at);
    }
    struct os_heap_stats after = stats();
    CHECK(after.used == before.used && after.largest_free == before.largest_free);
    CHECK(after.peak > before.peak && after.peak <= after.size);
    return 0;
}
