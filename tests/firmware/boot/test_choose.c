// SPDX-License-Identifier: Apache-2.0
// The bootloader's decision over all its inputs: every pair of states, order of records, reset
// reason, counters at their edges. The demands are written down here a second time, as rules.
// sources: firmware/boot/choose.c
// include: firmware/boot firmware/slots/include
#include "check.h"
#include "choose.h"
#include "hal/retained.h"

static const uint8_t states[] = {SLOT_EMPTY,     SLOT_INSTALLING, SLOT_READY,    SLOT_TRYING,
                                 SLOT_CONFIRMED, SLOT_BAD,        SLOT_REVERTED, SLOT_UNKNOWN};
static const uint8_t counts[] = {0, 1, 2, 3, 9, 10, 254, 255};
enum { STATES = sizeof(states), COUNTS = sizeof(counts), RESETS = 8 };

static uint64_t cases;
static uint64_t starts;

static bool never_runs(uint8_t state) {
    return state == SLOT_EMPTY || state == SLOT_INSTALLING || state == SLOT_UNKNOWN;
}

static bool startable(const struct choose_in *in, int slot) {
    return in->refusal[slot] == 0 && !never_runs(in->slot[slot].state);
}

static bool is_live(const struct choose_in *in, int slot) {
    uint8_t state = in->slot[slot].state;
    return in->refusal[slot] == 0 && (state == SLOT_TRYING || state == SLOT_CONFIRMED);
}

static bool same_record(const struct slot_record *a, const struct slot_record *b) {
    return a->state == b->state && a->tries == b->tries && a->power_ons == b->power_ons &&
           a->flags == b->flags && a->reason == b->reason && a->reverts == b->reverts &&
           a->offset == b->offset && a->counter == b->counter && a->sequence == b->sequence &&
           check_same(a->digest, b->digest, sizeof(a->digest));
}

static bool is_crash(const struct choose_in *in) {
    return in->reset == RESET_WATCHDOG || in->reset == RESET_PANIC;
}

static bool is_unwell(const struct choose_in *in) {
    return is_crash(in) || in->reset == RESET_SOFTWARE;
}

static int in_a_row(const struct choose_in *in, int slot, bool again, uint8_t before) {
    bool same = in->last.count != 0 && in->last.slot == slot;
    return !again || !same ? 0 : before == 255 ? 255 : before + 1;
}

// Confirmed, and down again and again in safe mode, too.
static bool is_lost(const struct choose_in *in, int slot) {
    const struct slot_record *r = &in->slot[slot];
    bool later = r->sequence > in->slot[!slot].sequence;
    return r->state == SLOT_CONFIRMED && later &&
           (in_a_row(in, slot, is_crash(in), in->last.crashes) >= BOOT_LEAVE_CRASHES ||
            in_a_row(in, slot, is_unwell(in), in->last.unwell) >= BOOT_LEAVE_UNWELL);
}

// Which slot must be chosen, from the rules in words.
static void check_slot(const struct choose_in *in, const struct choice *c) {
    bool can[2] = {startable(in, 0), startable(in, 1)};
    CHECK((c->slot >= 0) == (can[0] || can[1]));
    if (c->slot < 0) {
        CHECK(c->action == CHOOSE_NOTHING);
        return;
    }
    CHECK(can[c->slot]);
    const struct slot_record *mine = &in->slot[c->slot];
    const struct slot_record *other = &in->slot[!c->slot];
    if (!can[!c->slot]) {
        return;
    }
    // An update that the agent asked for goes first.
    bool wants_mine = mine->state == SLOT_READY && in->reset == RESET_UPDATE;
    bool wants_other = other->state == SLOT_READY && in->reset == RESET_UPDATE;
    CHECK(wants_mine || !wants_other);
    if (wants_mine && !wants_other) {
        return;
    }
    // Then what runs or ran; of two, the later record, unless it cannot stay up and the other is
    // confirmed.
    CHECK(is_live(in, c->slot) || !is_live(in, !c->slot));
    if (is_live(in, c->slot) && is_live(in, !c->slot)) {
        bool leaves = is_lost(in, !c->slot) && mine->state == SLOT_CONFIRMED;
        bool stays = !is_lost(in, c->slot) || other->state != SLOT_CONFIRMED;
        CHECK(mine->sequence > other->sequence ? stays : leaves);
        CHECK(c->leave == leaves);
    } else {
        CHECK(!c->leave);
    }
    // A ready image, then a reverted one, then a bad one: only where nothing better is left.
    if (!is_live(in, c->slot)) {
        CHECK(mine->state == SLOT_READY || other->state != SLOT_READY);
        CHECK(mine->state != SLOT_BAD || other->state == SLOT_BAD);
        CHECK(mine->state != other->state || mine->sequence > other->sequence);
    }
}

static void check_counts(const struct choose_in *in, const struct choice *c) {
    CHECK_EQUAL(c->crashes, in_a_row(in, c->slot, is_crash(in), in->last.crashes));
    CHECK_EQUAL(c->unwell, in_a_row(in, c->slot, is_unwell(in), in->last.unwell));
}

static void check_trying(const struct choose_in *in, const struct choice *c) {
    const struct slot_record *was = &in->slot[c->slot];
    bool benign = in->reset == RESET_POWER_ON || in->reset == RESET_UPDATE;
    CHECK(c->changed);
    if (benign && was->power_ons >= SLOT_POWER_ONS_MAX) {
        CHECK(c->action == CHOOSE_RECORD && c->record.state == SLOT_REVERTED);
        CHECK(c->record.reason == SLOT_REASON_POWER_ONS);
        CHECK(c->record.reverts == (was->reverts == 255 ? 255 : was->reverts + 1));
    } else if (!benign && was->tries >= SLOT_TRIES_MAX) {
        CHECK(c->action == CHOOSE_RECORD && c->record.state == SLOT_BAD);
        CHECK(c->record.reason == SLOT_REASON_CRASHED);
    } else {
        CHECK(c->action == CHOOSE_START && c->record.state == SLOT_TRYING);
        CHECK(c->record.tries == was->tries + !benign);
        CHECK(c->record.power_ons == was->power_ons + benign);
    }
}

static void check_choice(const struct choose_in *in) {
    struct choice c = boot_choose(in);
    cases++;
    check_slot(in, &c);
    if (c.slot < 0) {
        return;
    }
    check_counts(in, &c);
    const struct slot_record *was = &in->slot[c.slot];
    CHECK(c.record.counter == was->counter && c.record.flags == was->flags);
    CHECK(check_same(c.record.digest, was->digest, sizeof(was->digest)));
    CHECK(c.changed || same_record(&c.record, was));
    bool rotted = was->state == SLOT_BAD && was->reason >= 3 && was->reason <= 7;
    bool recovers = rotted && (was->flags & SLOT_WAS_CONFIRMED);
    bool last_resort = (was->state == SLOT_BAD || was->state == SLOT_REVERTED) && !recovers;
    bool unsteady = c.crashes >= BOOT_SAFE_CRASHES || c.unwell >= BOOT_SAFE_UNWELL;
    CHECK(c.mode == (unsteady || last_resort ? BOOT_SAFE : BOOT_NORMAL));
    if (was->state == SLOT_TRYING) {
        check_trying(in, &c);
    } else if (was->state == SLOT_CONFIRMED) {
        CHECK(c.action == CHOOSE_START && c.changed == c.leave);
        CHECK(same_record(&c.record, was));
    } else {
        CHECK(c.action == CHOOSE_START && c.changed && c.record.reason == SLOT_REASON_NONE);
        CHECK(c.record.state == (recovers ? SLOT_CONFIRMED : SLOT_TRYING));
        CHECK(c.record.tries == !recovers && c.record.power_ons == 0);
    }
    starts += c.action == CHOOSE_START;
}

// Following the choice, whatever happens, must come to a start or to nothing, and soon.
static void check_ends(struct choose_in in) {
    for (int step = 0; step < 8; step++) {
        struct choice c = boot_choose(&in);
        if (c.action == CHOOSE_NOTHING) {
            return;
        }
        if (c.action == CHOOSE_RECORD) {
            in.slot[c.slot] = c.record;
            in.slot[c.slot].sequence = 100 + (uint32_t)step;
        } else if (step < 4) {
            in.refusal[c.slot] = -14; // as if it had not passed the check
            in.slot[c.slot].state = SLOT_BAD;
        } else {
            return;
        }
    }
    CHECK(false);
}

static struct slot_record record(uint8_t state, uint8_t tries, uint8_t power_ons,
                                 uint32_t sequence) {
    return (struct slot_record){.state = state,
                                .tries = tries,
                                .power_ons = power_ons,
                                .flags = tries & 1, // any value goes with any state
                                .reason = power_ons % 11,
                                .reverts = power_ons,
                                .counter = 7 + sequence,
                                .digest = {state, 1, 2, 3},
                                .sequence = state == SLOT_UNKNOWN ? 0 : sequence};
}

static void with_resets(struct choose_in *in) {
    static const uint8_t rows[][2] = {{0, 0}, {2, 2},  {3, 3},  {2, 9},  {2, 10},    {5, 5},
                                      {6, 6}, {5, 19}, {5, 20}, {0, 25}, {254, 254}, {255, 255}};
    for (in->reset = 0; in->reset < RESETS; in->reset++) {
        for (int last = -1; last < SLOT_COUNT; last++) {
            for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                in->last = (struct boot_record){.count = last < 0 ? 0 : 9,
                                                .slot = (uint8_t)last,
                                                .crashes = rows[i][0],
                                                .unwell = rows[i][1]};
                check_choice(in);
                check_ends(*in);
            }
        }
    }
}

static void with_counts(struct choose_in *in, uint8_t a, uint8_t b) {
    for (unsigned t = 0; t < COUNTS; t++) {
        for (unsigned p = 0; p < COUNTS; p++) {
            for (uint32_t order = 1; order <= 2; order++) {
                in->slot[0] = record(a, counts[t], counts[p], order);
                in->slot[1] = record(b, counts[p], counts[t], 3 - order);
                with_resets(in);
            }
        }
    }
}

static void check_first(struct choose_first a, struct choose_first b, int wanted) {
    const struct choose_first found[SLOT_COUNT] = {a, b};
    CHECK_EQUAL(boot_choose_first(found), wanted);
}

static void test_first(void) {
    static const struct choose_first none = {.counter = 99};
    static const struct choose_first old = {true, 1, {.major = 1, .minor = 9}, {0}};
    static const struct choose_first new = {true, 2, {.major = 1}, {0}};
    static const struct choose_first newer = {true, 2, {.major = 1, .minor = 1}, {0}};
    check_first(none, none, -1);
    check_first(old, none, SLOT_A);
    check_first(none, old, SLOT_B);
    check_first(old, new, SLOT_B);
    check_first(new, old, SLOT_A);
    check_first(new, newer, SLOT_B);
    check_first(newer, new, SLOT_A);
    check_first(new, new, SLOT_A);
}

int main(void) {
    struct choose_in in = {0};
    for (unsigned a = 0; a < STATES; a++) {
        for (unsigned b = 0; b < STATES; b++) {
            for (unsigned refused = 0; refused < 4; refused++) {
                in.refusal[0] = refused & 1 ? -6 : 0;
                in.refusal[1] = refused & 2 ? -15 : 0;
                with_counts(&in, states[a], states[b]);
            }
        }
    }
    test_first();
    printf("%llu cases, %llu starts\n", (unsigned long long)cases, (unsigned long long)starts);
    return 0;
}
