// SPDX-License-Identifier: Apache-2.0
// The bootloader's decision. docs/flash.md has the states; the order of preference is in rank().
#include "choose.h"

#include "hal/retained.h"

// What the image asked for or the mains did, as opposed to a crash or someone at the reset pin.
static bool is_benign(uint8_t reset) {
    return reset == RESET_POWER_ON || reset == RESET_UPDATE;
}

static bool is_crash(uint8_t reset) {
    return reset == RESET_WATCHDOG || reset == RESET_PANIC;
}

static bool is_live(const struct slot_record *r) {
    return r->state == SLOT_TRYING || r->state == SLOT_CONFIRMED;
}

// Of the slots that run or ran, the one with the later record: it is the one to go on with.
static bool is_current(const struct choose_in *in, int slot) {
    const struct slot_record *other = &in->slot[!slot];
    return is_live(&in->slot[slot]) &&
           (!is_live(other) || in->refusal[!slot] < 0 || in->slot[slot].sequence > other->sequence);
}

static uint8_t one_more(uint8_t count) {
    return (uint8_t)(count < UINT8_MAX ? count + 1 : count);
}

// How often in a row this slot's image ended like that: once more, if it is the one that just did.
static uint8_t in_a_row(const struct choose_in *in, int slot, bool once_more, uint8_t before) {
    if (!once_more || in->last.count == 0 || in->last.slot != slot) {
        return 0;
    }
    return one_more(before);
}

static uint8_t crashes_of(const struct choose_in *in, int slot) {
    return in_a_row(in, slot, is_crash(in->reset), in->last.crashes);
}

static uint8_t unwell_of(const struct choose_in *in, int slot) {
    return in_a_row(in, slot, is_crash(in->reset) || in->reset == RESET_SOFTWARE, in->last.unwell);
}

// A confirmed image that does not stay up in safe mode either.
static bool is_hopeless(const struct choose_in *in, int slot) {
    return in->slot[slot].state == SLOT_CONFIRMED &&
           (crashes_of(in, slot) >= BOOT_LEAVE_CRASHES || unwell_of(in, slot) >= BOOT_LEAVE_UNWELL);
}

// 0: never. A bad or reverted image is better than none: it was whole when it was recorded so, and
// is checked again. What is empty or half written never runs.
static int rank(const struct choose_in *in, int slot) {
    if (in->refusal[slot] < 0) {
        return 0;
    }
    if (is_current(in, slot)) {
        return is_hopeless(in, slot) ? 5 : 7;
    }
    switch (in->slot[slot].state) {
    case SLOT_READY:
        return in->reset == RESET_UPDATE ? 8 : 3;
    case SLOT_CONFIRMED:
        return 6;
    case SLOT_TRYING:
        return 4;
    case SLOT_REVERTED:
        return 2;
    case SLOT_BAD:
        return 1;
    default:
        return 0;
    }
}

static int preferred(const struct choose_in *in) {
    int a = rank(in, SLOT_A);
    int b = rank(in, SLOT_B);
    if (a == 0 && b == 0) {
        return -1;
    }
    if (a == b) {
        return in->slot[SLOT_B].sequence > in->slot[SLOT_A].sequence ? SLOT_B : SLOT_A;
    }
    return a > b ? SLOT_A : SLOT_B;
}

// One more start of an image on trial. False if it has used them up; `r` then says so.
static bool try_again(struct slot_record *r, uint8_t reset) {
    if (is_benign(reset)) {
        if (r->power_ons < SLOT_POWER_ONS_MAX) {
            r->power_ons++;
            return true;
        }
        r->state = SLOT_REVERTED;
        r->reason = SLOT_REASON_POWER_ONS;
        r->reverts = one_more(r->reverts);
        return false;
    }
    if (r->tries < SLOT_TRIES_MAX) {
        r->tries++;
        return true;
    }
    r->state = SLOT_BAD;
    r->reason = SLOT_REASON_CRASHED;
    return false;
}

// It was confirmed, failed a check, and passes now: what failed was a read.
static bool has_recovered(const struct slot_record *r) {
    return r->state == SLOT_BAD && (r->flags & SLOT_WAS_CONFIRMED) &&
           r->reason >= SLOT_REASON_SIGNATURE && r->reason <= SLOT_REASON_FORMAT;
}

struct choice boot_choose(const struct choose_in *in) {
    struct choice c = {.action = CHOOSE_NOTHING, .slot = preferred(in)};
    if (c.slot < 0) {
        return c;
    }
    c.action = CHOOSE_START;
    c.record = in->slot[c.slot];
    c.crashes = crashes_of(in, c.slot);
    c.unwell = unwell_of(in, c.slot);
    bool safe = c.crashes >= BOOT_SAFE_CRASHES || c.unwell >= BOOT_SAFE_UNWELL;
    c.mode = safe ? BOOT_SAFE : BOOT_NORMAL;
    if (c.record.state == SLOT_CONFIRMED) {
        c.leave = !is_current(in, c.slot) && is_current(in, !c.slot);
        c.changed = c.leave;
        return c;
    }
    c.changed = true;
    if (c.record.state == SLOT_TRYING) {
        c.action = try_again(&c.record, in->reset) ? CHOOSE_START : CHOOSE_RECORD;
        return c;
    }
    bool recovered = has_recovered(&c.record);
    if (c.record.state != SLOT_READY && !recovered) {
        c.mode = BOOT_SAFE; // nothing better is left: the agent alone may mend it
    }
    c.record.state = recovered ? SLOT_CONFIRMED : SLOT_TRYING;
    c.record.tries = !recovered;
    c.record.power_ons = 0;
    c.record.reason = SLOT_REASON_NONE;
    return c;
}

int boot_choose_first(const struct choose_first found[SLOT_COUNT]) {
    const struct choose_first *a = &found[SLOT_A];
    const struct choose_first *b = &found[SLOT_B];
    if (!a->valid || !b->valid) {
        return a->valid ? SLOT_A : b->valid ? SLOT_B : -1;
    }
    if (a->counter != b->counter) {
        return b->counter > a->counter ? SLOT_B : SLOT_A;
    }
    return image_version_compare(&b->version, &a->version) > 0 ? SLOT_B : SLOT_A;
}
