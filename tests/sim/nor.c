// SPDX-License-Identifier: Apache-2.0
// The simulated flash. It is strict where the contract is, and hostile where it allows.
#include "nor.h"
#include "hal/err.h"
#include "slots/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum unit_state {
    UNIT_BLANK,
    UNIT_WRITTEN,
    UNIT_SPENT,    // torn: what it reads is no proof of anything, it must be erased
    UNIT_UNSTABLE, // torn: reads as `cells`, as `asked` or as a mixture
    UNIT_FAULT,    // torn: cannot be read
};

enum { SITES_MAX = 64, NAME_MAX_BYTES = 256 };

struct coverage {
    char name[NAME_MAX_BYTES];
    uint32_t cuts[CUT_KINDS];
};

const char *const nor_cut_name[CUT_KINDS] = {"before",   "old",   "new",  "mixed",
                                             "unstable", "fault", "after"};

struct nor nor;
static struct coverage sites[SITES_MAX];
static struct coverage whats[SITES_MAX];
static char site[NAME_MAX_BYTES];   // the call of hal_flash_*
static char caller[NAME_MAX_BYTES]; // and the one from outside firmware/slots that led to it
static bool sector_rolling[2];

uint32_t nor_random(void) {
    nor.random ^= nor.random << 13;
    nor.random ^= nor.random >> 17;
    nor.random ^= nor.random << 5;
    return nor.random;
}

// Called by the sources themselves (sites.py).
void flash_site(const char *place, bool upper);
void flash_site(const char *place, bool upper) {
    snprintf(upper ? caller : site, NAME_MAX_BYTES, "%s", place);
}

static void cover(struct coverage *table, const char *name) {
    int i = 0;
    while (table[i].name[0] != '\0' && strcmp(table[i].name, name) != 0) {
        i++;
        SIM_CHECK(i < SITES_MAX);
    }
    snprintf(table[i].name, sizeof(table[i].name), "%s", name);
    table[i].cuts[nor.cut]++;
}

static int in_area(const struct hal_area *area, int n, uint32_t offset) {
    for (int i = 0; i < n; i++) {
        if (offset >= area[i].offset && offset - area[i].offset < area[i].size) {
            return i;
        }
    }
    return -1;
}

// What an operation is for, told from where it goes and what it writes.
static void describe(char *name, uint32_t offset, const uint8_t *from) {
    static const char *const type[] = {"?",     "START",  "BOOT",       "SLOT",
                                       "FLOOR", "KEYSET", "GENERATION", "WEAR"};
    static const char *const state[] = {"empty",     "installing", "ready",   "trying",
                                        "confirmed", "bad",        "reverted"};
    const struct hal_layout *l = &nor.geometry->layout;
    int sector = in_area(l->journal, 2, offset);
    if (sector < 0) {
        int slot = in_area(l->slot, SLOT_COUNT, offset);
        snprintf(name, NAME_MAX_BYTES, "%s slot %c", from == NULL ? "erase" : "write", 'A' + slot);
        SIM_CHECK(slot >= 0);
    } else if (from == NULL) {
        snprintf(name, NAME_MAX_BYTES, "erase journal");
    } else {
        bool is_slot = (from[4] & 0x7F) == (JOURNAL_SLOT & 0x7F);
        snprintf(name, NAME_MAX_BYTES, "%s%s%s%s", type[from[4] & 7], is_slot ? " " : "",
                 is_slot ? state[from[8]] : "", sector_rolling[sector] ? ", rolling over" : "");
    }
}

void nor_print_coverage(void) {
    for (int i = 0; i < 2 * SITES_MAX; i++) {
        const struct coverage *c = i < SITES_MAX ? &sites[i] : &whats[i - SITES_MAX];
        if (c->name[0] != '\0') {
            printf("%s\t%s", i < SITES_MAX ? "site" : "what", c->name);
            for (int k = 0; k < CUT_KINDS; k++) {
                printf("\t%u", c->cuts[k]);
            }
            printf("\n");
        }
    }
}

static uint32_t unit_bytes(void) {
    return nor.geometry->flash.program_bytes;
}

// Bits that still differ are taken from either side at random, per bit.
static uint8_t mixture(uint8_t a, uint8_t b) {
    uint8_t pick = (uint8_t)nor_random();
    return (uint8_t)((a & pick) | (b & ~pick));
}

static void tear(uint32_t unit, const uint8_t *asked) {
    uint8_t *cells = nor.cells + unit * unit_bytes();
    uint8_t *other = nor.asked + unit * unit_bytes();
    nor.state[unit] = UNIT_SPENT;
    for (uint32_t i = 0; i < unit_bytes(); i++) {
        other[i] = asked[i];
        if (nor.cut == CUT_NEW) {
            cells[i] = asked[i];
        } else if (nor.cut == CUT_MIXED) {
            cells[i] = mixture(cells[i], asked[i]);
        }
    }
    if (nor.cut == CUT_UNSTABLE) {
        nor.state[unit] = UNIT_UNSTABLE;
    } else if (nor.cut == CUT_FAULT) {
        nor.state[unit] = UNIT_FAULT;
    }
}

static void spoil(uint32_t unit, const uint8_t *from) {
    uint8_t *cells = nor.cells + unit * unit_bytes();
    for (uint32_t i = 0; i < unit_bytes(); i++) {
        cells[i] = mixture(cells[i], from[i]);
    }
    nor.state[unit] = UNIT_SPENT;
}

// A unit that a cut spent without a trace is programmed again: real parts refuse, spoil it, or take
// it.
static int program_spent(uint32_t unit, const uint8_t *from) {
    uint8_t *cells = nor.cells + unit * unit_bytes();
    switch (nor_random() % 3) {
    case 0:
        return ERR_IO;
    case 1:
        spoil(unit, from);
        return 0;
    default:
        memcpy(cells, from, unit_bytes());
        nor.state[unit] = UNIT_WRITTEN;
        return 0;
    }
}

static int program_unit(uint32_t unit, const uint8_t *from) {
    SIM_CHECK(nor.state[unit] != UNIT_WRITTEN);
    if (nor.state[unit] != UNIT_BLANK) {
        return program_spent(unit, from);
    }
    memcpy(nor.cells + unit * unit_bytes(), from, unit_bytes());
    nor.state[unit] = UNIT_WRITTEN;
    return 0;
}

static void power_lost(void) {
    nor.was_cut = true;
    nor.cut_at = nor.cut_again_in > 0 ? nor.ops + nor.cut_again_in : 0;
    nor.cut = nor.cut_again;
    nor.cut_again_in = 0;
    longjmp(nor.power_lost, 1);
}

// Count an operation; true if it is the one to be cut.
static bool begins(uint32_t offset, const uint8_t *from) {
    nor.ops++;
    if (nor.ops != nor.cut_at) {
        return false;
    }
    char name[NAME_MAX_BYTES];
    describe(name, offset, from);
    cover(sites, site);
    cover(sites, caller);
    cover(whats, name);
    if (nor.cut == CUT_BEFORE) {
        power_lost();
    }
    return true;
}

static int nor_read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    uint32_t how = nor_random() % 3; // whole units of this read as before, as asked, or mixed
    bool blank = size > 0;
    uint8_t *out = to;
    (void)f;
    for (uint32_t i = 0; i < size; i++) {
        uint32_t at = offset + i;
        uint8_t state = nor.state[at / unit_bytes()];
        if (state == UNIT_FAULT) {
            return ERR_ECC;
        }
        blank = blank && state == UNIT_BLANK;
        out[i] = nor.cells[at];
        if (state == UNIT_UNSTABLE && how > 0) {
            out[i] = how == 1 ? nor.asked[at] : mixture(nor.cells[at], nor.asked[at]);
        }
    }
    return blank && nor.geometry->erased_is_error ? ERR_ERASED : 0;
}

static int nor_program(const struct hal_flash *f, uint32_t offset, const void *from,
                       uint32_t size) {
    const uint8_t *bytes = from;
    uint32_t first = offset / unit_bytes();
    uint32_t count = size / unit_bytes();
    uint32_t torn = count;
    (void)f;
    bool cut = begins(offset, bytes);
    if (!cut && nor.failures > 0 && nor.ops >= nor.fail_at) {
        nor.failures--;
        for (uint32_t i = 0; i < count; i++) {
            spoil(first + i, bytes + i * unit_bytes());
        }
        return ERR_IO;
    }
    if (cut && nor.cut != CUT_AFTER) {
        torn = nor_random() % 2 ? count - 1 : nor_random() % count;
    }
    int err = 0;
    for (uint32_t i = 0; i < torn && err == 0; i++) {
        err = program_unit(first + i, bytes + i * unit_bytes());
    }
    if (cut && torn < count) {
        tear(first + torn, bytes + torn * unit_bytes());
    }
    int sector = in_area(nor.geometry->layout.journal, 2, offset);
    if (sector >= 0 && bytes[4] == JOURNAL_START) {
        sector_rolling[sector] = false;
    }
    if (cut) {
        power_lost();
    }
    return err;
}

static int nor_erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    uint8_t erased[512];
    bool cut = begins(offset, NULL);
    uint32_t units = block_size / unit_bytes();
    uint32_t spoilt = cut && nor.cut != CUT_AFTER ? nor_random() % (units + 1) : units;
    memset(erased, f->erased_value, sizeof(erased));
    for (uint32_t i = 0; i < units; i++) {
        uint32_t unit = offset / unit_bytes() + i;
        if (cut && nor.cut != CUT_AFTER && (i >= spoilt || nor_random() % 2)) {
            tear(unit, erased);
        } else {
            memcpy(nor.cells + unit * unit_bytes(), erased, unit_bytes());
            nor.state[unit] = UNIT_BLANK;
        }
    }
    int sector = in_area(nor.geometry->layout.journal, 2, offset);
    if (sector >= 0) {
        sector_rolling[sector] = true;
    }
    if (cut) {
        power_lost();
    }
    return 0;
}

const struct hal_flash_ops nor_ops = {.read = nor_read, .program = nor_program, .erase = nor_erase};

void nor_use(const struct geometry *geometry) {
    free(nor.cells);
    free(nor.asked);
    free(nor.state);
    nor = (struct nor){.geometry = geometry, .random = 1};
    nor.n_units = geometry->flash.size / geometry->flash.program_bytes;
    nor.cells = malloc(geometry->flash.size);
    nor.asked = calloc(geometry->flash.size, 1);
    nor.state = calloc(nor.n_units, 1);
    memset(nor.cells, geometry->flash.erased_value, geometry->flash.size);
}

void nor_arm(uint32_t at, enum cut cut, uint32_t random) {
    nor.ops = 0;
    nor.cut_at = at;
    nor.cut = cut;
    nor.cut_again_in = 0;
    nor.failures = 0;
    nor.was_cut = false;
    nor.random = random * 2654435761U | 1;
}

struct nor_snapshot {
    struct nor nor;
    uint8_t bytes[];
};

struct nor_snapshot *nor_save(void) {
    uint32_t size = nor.geometry->flash.size;
    struct nor_snapshot *s = malloc(sizeof(*s) + size + nor.n_units);
    s->nor = nor;
    memcpy(s->bytes, nor.cells, size);
    memcpy(s->bytes + size, nor.state, nor.n_units);
    return s;
}

void nor_restore(const struct nor_snapshot *s) {
    uint32_t size = nor.geometry->flash.size;
    memcpy(nor.cells, s->bytes, size);
    memcpy(nor.state, s->bytes + size, nor.n_units);
    memset(sector_rolling, 0, sizeof(sector_rolling));
}

void nor_free(struct nor_snapshot *s) {
    free(s);
}

bool nor_is_whole(uint32_t offset, const uint8_t *bytes, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        if (nor.state[(offset + i) / unit_bytes()] != UNIT_WRITTEN ||
            nor.cells[offset + i] != bytes[i]) {
            return false;
        }
    }
    return true;
}
