// SPDX-License-Identifier: Apache-2.0
// The bump heap: grows, gives back only the last block, says what is left.
// sources: firmware/os/heap/bump/bump.c
// include: firmware/os/heap/include
#include "check.h"
#include "os/heap.h"

enum { HEAP_BYTES = 1024 };

uint8_t hal_heap_start[HEAP_BYTES] __attribute__((aligned(16)));
__asm__(".globl hal_heap_end\n .set hal_heap_end, hal_heap_start + 1024"); // HEAP_BYTES

int main(void) {
    struct os_heap_stats s;
    os_heap_stats(&s);
    CHECK(s.used == 0 && s.size == HEAP_BYTES && s.largest_free == HEAP_BYTES);
    CHECK(os_alloc(0) == NULL && os_alloc(SIZE_MAX) == NULL && os_alloc(HEAP_BYTES + 1) == NULL);
    uint8_t *a = os_alloc(3);
    uint8_t *b = os_alloc(100);
    CHECK(a != NULL && b == a + 8 && (uintptr_t)b % 8 == 0);
    os_free(a); // not the last: kept
    os_free(b);
    os_free(b); // given back already
    CHECK(os_alloc(50) == b);
    os_heap_stats(&s);
    CHECK(s.used == 64 && s.peak == 112 && s.largest_free == HEAP_BYTES - 64);
    CHECK(os_alloc(s.largest_free) != NULL);
    CHECK(os_alloc(1) == NULL);
    return 0;
}
