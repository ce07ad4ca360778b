// SPDX-License-Identifier: Apache-2.0
// The journal's records in flash (docs/flash.md): finding, appending, rolling over, torn ones.
#include "slots/journal.h"

#include "bytes.h"
#include "crc/crc32.h"
#include "hal/err.h"
#include "hal/wdt.h"
#include "layout.h"

#include <stdbool.h>
#include <string.h>

enum {
    RECORD_BYTES = 64,
    HEAD_BYTES = 8,
    CRC_AT = 60,
    RECORD_VERSION = 1,
    START_FORMAT = 1,
    PLACES_MIN = 16,
    // A place that reads blank may be spent all the same, by a write that a power cut stopped
    // before it left a trace; no rule can know. So every append is read back, and fails over to the
    // next.
    APPEND_ATTEMPTS = 4,
    UNIT_BYTES = LAYOUT_PROGRAM_BYTES > RECORD_BYTES ? LAYOUT_PROGRAM_BYTES : RECORD_BYTES,
};

static uint32_t place_offset(const struct journal *j, uint32_t place) {
    return j->area[j->active].offset + place * j->record_bytes;
}

static bool counts(const struct journal *j, uint32_t place) {
    return j->counts[place / 8] >> (place % 8) & 1;
}

static void set_counts(struct journal *j, uint32_t place) {
    j->counts[place / 8] = (uint8_t)(j->counts[place / 8] | 1U << (place % 8));
}

static void clear_counts(struct journal *j, uint32_t place) {
    j->counts[place / 8] = (uint8_t)(j->counts[place / 8] & ~(1U << (place % 8)));
}

static bool same_id(const uint8_t *a, const uint8_t *b) {
    return a[4] == b[4] && a[6] == b[6] && a[7] == b[7];
}

static bool read_head(const struct journal *j, uint32_t place, uint8_t head[HEAD_BYTES]) {
    return hal_flash_read(j->flash, place_offset(j, place), head, HEAD_BYTES) == 0;
}

// True if a record with the right CRC lies at `place`.
static bool read_record(const struct journal *j, uint32_t place, uint8_t record[RECORD_BYTES]) {
    return hal_flash_read(j->flash, place_offset(j, place), record, RECORD_BYTES) == 0 &&
           is_sealed(record, RECORD_BYTES);
}

static bool is_blank(const struct journal *j, uint32_t place) {
    return hal_flash_is_blank(j->flash, place_offset(j, place), j->record_bytes) == 1;
}

static bool is_known(const uint8_t *record) {
    bool critical = record[4] & JOURNAL_CRITICAL;
    return !critical || record[4] == JOURNAL_SLOT || record[4] == JOURNAL_KEYSET;
}

struct last {
    uint8_t record[RECORD_BYTES];
    uint32_t place;
};

// Decide which records of `sector` count. Each place is read once, since what was torn may read
// differently the next time. `last` becomes the last record that counts.
// Returns the number of its START, 0 if it has none.
static uint32_t scan(struct journal *j, int8_t sector, struct last *last) {
    uint32_t start = 0;
    uint32_t taken = UINT32_MAX; // lowest number of the records behind
    uint32_t place = j->places;
    j->active = sector;
    while (place > 0 && is_blank(j, place - 1)) {
        place--;
    }
    j->next = (uint16_t)place;
    while (place-- > 0) {
        uint8_t record[RECORD_BYTES];
        if (!read_record(j, place, record) || load_u32(record) >= taken) {
            continue;
        }
        if (taken == UINT32_MAX) {
            memcpy(last->record, record, RECORD_BYTES);
            last->place = place;
            j->sequence = load_u32(record);
        }
        taken = load_u32(record);
        set_counts(j, place);
        j->unknown = j->unknown || !is_known(record);
        if (start == 0 && record[4] == JOURNAL_START &&
            load_u16(record + HEAD_BYTES) == START_FORMAT) {
            start = taken;
            j->rollovers = load_u32(record + HEAD_BYTES + 4);
        }
    }
    return start;
}

static int record_program(const struct journal *j, const uint8_t record[RECORD_BYTES]) {
    uint8_t unit[UNIT_BYTES];
    memset(unit, j->flash->erased_value, sizeof(unit));
    memcpy(unit, record, RECORD_BYTES);
    return hal_flash_program(j->flash, place_offset(j, j->next), unit, j->record_bytes);
}

// Write `record` as number `sequence` to this sector. A place that fails is left behind; its number
// is taken by the record that follows, so it never counts. ERR_NO_SPACE: the sector is full.
static int append_here(struct journal *j, uint8_t record[RECORD_BYTES], uint32_t sequence) {
    store_u32(record, sequence);
    store_u32(record + CRC_AT, crc32(0, record, CRC_AT));
    for (int attempt = 0; attempt < APPEND_ATTEMPTS; attempt++) {
        if (j->next >= j->places) {
            return ERR_NO_SPACE;
        }
        uint32_t place = j->next;
        int err = record_program(j, record);
        j->next++;
        if (err == 0) {
            set_counts(j, place);
            j->sequence = sequence;
            return 0;
        }
    }
    return ERR_IO;
}

static int erase_sector(const struct journal *j, int sector) {
    uint32_t offset = j->area[sector].offset;
    uint32_t end = offset + (uint32_t)j->places * j->record_bytes;
    while (offset < end) {
        uint32_t start;
        uint32_t size;
        int err = hal_flash_block(j->flash, offset, &start, &size);
        if (err == 0) {
            hal_wdt_feed();
            err = hal_flash_erase(j->flash, start);
        }
        if (err < 0) {
            return err;
        }
        offset = start + size;
    }
    return 0;
}

// Whether no later record that counts is about the same as the one at `place`.
static bool is_latest(const struct journal *j, uint32_t place, const uint8_t *record) {
    while (++place < j->places) {
        uint8_t head[HEAD_BYTES];
        if (counts(j, place) && read_head(j, place, head) && same_id(head, record)) {
            return false;
        }
    }
    return true;
}

static int carry_over(const struct journal *from, struct journal *to, const uint8_t *newest) {
    for (uint32_t place = 0; place < from->places; place++) {
        uint8_t record[RECORD_BYTES];
        if (!counts(from, place) || !read_head(from, place, record) || record[4] == JOURNAL_START ||
            same_id(record, newest) || !is_latest(from, place, record)) {
            continue;
        }
        int err =
            read_record(from, place, record) ? append_here(to, record, to->sequence + 1) : ERR_IO;
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

// Move to the other sector, with `newest` behind what is carried over. Until START is whole there,
// this sector stays the journal: the append and the rollover are one step.
static int roll_over(struct journal *j, uint8_t newest[RECORD_BYTES]) {
    struct journal to = *j;
    to.next = 0;
    to.rollovers++;
    memset(to.counts, 0, sizeof(to.counts));
    to.active = j->active == 0 ? 1 : 0;
    int err = 0;
    if (j->active < 0) {
        // Nothing readable in either: no half-dead START may come back to life later.
        err = erase_sector(j, 1);
    }
    if (err == 0) {
        err = erase_sector(&to, to.active);
    }
    if (err == 0 && j->active >= 0) {
        err = carry_over(j, &to, newest);
    }
    if (err == 0 && newest[4] != JOURNAL_START) {
        err = append_here(&to, newest, to.sequence + 1);
    }
    uint8_t start[RECORD_BYTES] = {[4] = JOURNAL_START, [5] = RECORD_VERSION};
    store_u16(start + HEAD_BYTES, START_FORMAT);
    store_u16(start + HEAD_BYTES + 2, (uint16_t)j->record_bytes);
    store_u32(start + HEAD_BYTES + 4, to.rollovers);
    if (err == 0) {
        err = append_here(&to, start, to.sequence + 1);
    }
    if (err == 0) {
        *j = to;
    }
    return err;
}

static int append(struct journal *j, uint8_t record[RECORD_BYTES], uint32_t sequence) {
    bool done = j->active >= 0 && append_here(j, record, sequence) == 0;
    return done ? 0 : roll_over(j, record); // the sector is full, or worn
}

int journal_open(struct journal *j, const struct hal_layout *layout, enum journal_mode mode) {
    const struct hal_flash *f = layout->flash;
    const struct hal_area *area = layout->journal;
    *j = (struct journal){.flash = f, .area = {area[0], area[1]}};
    j->record_bytes = f->program_bytes > RECORD_BYTES ? f->program_bytes : RECORD_BYTES;
    uint32_t places = (area[0].size < area[1].size ? area[0].size : area[1].size) / j->record_bytes;
    if (places < PLACES_MIN || j->record_bytes > UNIT_BYTES) {
        return ERR_RANGE;
    }
    j->places = (uint16_t)(places < JOURNAL_PLACES_MAX ? places : JOURNAL_PLACES_MAX);
    struct journal other = *j;
    struct last last[2];
    uint32_t start = scan(j, 0, &last[0]);
    uint32_t other_start = scan(&other, 1, &last[1]);
    if (other_start > start) {
        struct journal a = *j;
        *j = other;
        other = a;
        other_start = start;
    } else if (start == 0) {
        j->active = -1;
        memset(j->counts, 0, sizeof(j->counts));
        return mode == JOURNAL_AT_RUN ? ERR_NOT_FOUND : 0;
    }
    if (mode == JOURNAL_AT_RUN) {
        return 0;
    }
    if (j->unknown) {
        return ERR_UNSUPPORTED;
    }
    // The place behind the last may be spent by a write that left no trace: it stays unused. Torn
    // or not, a copy under the same number makes the last record sure before it is acted on.
    struct last *newest = &last[j->active];
    j->next++;
    clear_counts(j, newest->place);
    // A rollover that never ended may hold a torn START that reads whole one day: end it now.
    if (other_start == 0 && other.next > 0) {
        return roll_over(j, newest->record);
    }
    return append(j, newest->record, j->sequence);
}

// Keeps its name through the optimiser: tests and debuggers stop here.
__attribute__((noinline, used)) int journal_append(struct journal *j, struct journal_id id,
                                                   const void *payload, uint32_t size) {
    if (size > JOURNAL_PAYLOAD_BYTES) {
        return ERR_RANGE;
    }
    uint8_t record[RECORD_BYTES] = {[4] = id.type, RECORD_VERSION, id.component, id.key};
    memcpy(record + HEAD_BYTES, payload, size);
    return append(j, record, j->sequence + 1);
}

int journal_get(const struct journal *j, struct journal_id id,
                uint8_t payload[JOURNAL_PAYLOAD_BYTES], uint32_t *sequence) {
    const uint8_t wanted[HEAD_BYTES] = {[4] = id.type, [6] = id.component, [7] = id.key};
    for (uint32_t place = j->places; place-- > 0;) {
        uint8_t record[RECORD_BYTES];
        if (!counts(j, place) || !read_head(j, place, record) || !same_id(record, wanted) ||
            !read_record(j, place, record)) {
            continue;
        }
        memcpy(payload, record + HEAD_BYTES, JOURNAL_PAYLOAD_BYTES);
        if (sequence != NULL) {
            *sequence = load_u32(record);
        }
        return 0;
    }
    return ERR_NOT_FOUND;
}
