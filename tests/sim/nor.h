// SPDX-License-Identifier: Apache-2.0
// NOR flash under the contract of hal/flash.h whose power can be cut at any operation. What was
// torn then reads as real parts do: old, new, mixed, differently each time, or not at all.
#pragma once
#include "hal/flash.h"

#include <setjmp.h>

enum cut {
    CUT_BEFORE,   // the operation never began
    CUT_OLD,      // begun, left no trace, and yet the unit is spent
    CUT_NEW,      // the unit is whole, what should follow in the same operation is not
    CUT_MIXED,    // some bits are as before, some as asked, for good
    CUT_UNSTABLE, // reads differently each time: as before, as asked, or any mixture
    CUT_FAULT,    // reading it is an error
    CUT_AFTER,
    CUT_KINDS,
};
extern const char *const nor_cut_name[CUT_KINDS];

struct geometry {
    const char *name;
    struct hal_flash flash; // ops, base and all
    struct hal_layout layout;
    uint32_t chunk_bytes; // for the installer
    bool erased_is_error; // reading erased bytes gives ERR_ERASED
};
extern const struct geometry nor_geometries[];
extern const unsigned nor_n_geometries;

// The flash at hand, and what is to happen to it.
struct nor {
    const struct geometry *geometry;
    uint8_t *cells; // what is stored
    uint8_t *asked; // of unstable units: what they should have become
    uint8_t *state; // per program unit
    uint32_t n_units;
    uint32_t ops;    // programs and erases since nor_arm()
    uint32_t cut_at; // operation that is cut, 1 the first, 0 none
    enum cut cut;
    uint32_t cut_again_in; // after the cut: so many operations later once more, 0 not
    enum cut cut_again;
    bool was_cut;
    uint32_t fail_at;  // operation from which on ...
    uint32_t failures; // ... so many programs fail and spoil their place: the supply sags
    jmp_buf power_lost;
    uint32_t random;
};
extern struct nor nor;

// All erased. Frees what was before.
void nor_use(const struct geometry *geometry);
// Count operations from here; cut the `at`-th.
void nor_arm(uint32_t at, enum cut cut, uint32_t random);

struct nor_snapshot;
struct nor_snapshot *nor_save(void);
void nor_restore(const struct nor_snapshot *snapshot);
void nor_free(struct nor_snapshot *snapshot);

// True if every unit that holds bytes of the range was written whole, and holds them.
bool nor_is_whole(uint32_t offset, const uint8_t *bytes, uint32_t size);

uint32_t nor_random(void);

// Which calls were cut how often in which way: prints lines "site", FILE:LINE, counts and "what",
// NAME, counts, separated by tabs.
void nor_print_coverage(void);

// Give up with a message that tells how to repeat it.
_Noreturn void sim_fail(const char *file, int line, const char *what);
#define SIM_CHECK(x) ((x) ? (void)0 : sim_fail(__FILE__, __LINE__, #x))
