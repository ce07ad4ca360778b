// SPDX-License-Identifier: Apache-2.0
// Reports: kept until the server has answered a poll that carried them. What must survive a reset
// is not kept here but made again from the journal and the crash record.
#include "agent.h"
#include "hal/arch.h"
#include "os/boot.h"
#include "os/panic.h"
#include <string.h>

void report(enum report_kind kind, const uint8_t digest[32], uint32_t code) {
    struct agent_reports *r = &agent.reports;
    for (unsigned i = 0; i < r->count; i++) {
        struct message_report *old = &r->list[i];
        bool same = old->kind == kind && memcmp(old->digest, digest, sizeof old->digest) == 0;
        if (same && (old->code == code || i >= r->carried)) {
            old->code = code; // the newest is what counts
            return;
        }
    }
    if (r->count == MESSAGE_REPORTS) { // the oldest that is not under way has to go
        unsigned first = r->carried < r->count ? r->carried : r->count - 1U;
        memmove(&r->list[first], &r->list[first + 1], (r->count - first - 1U) * sizeof r->list[0]);
        r->count--;
    }
    struct message_report *new = &r->list[r->count++];
    new->kind = (uint8_t)kind;
    new->code = code;
    memcpy(new->digest, digest, sizeof new->digest);
}

void report_error(enum report_kind kind, const uint8_t digest[32], int err) {
    report(kind, digest, (uint32_t)(err < 0 ? -err : err));
}

static void report_crash(const struct crash_record *record) {
    struct message_crash *c = &agent.reports.crash;
    memcpy(c->build_id, record->build_id, sizeof c->build_id);
    c->slot_base = record->slot_base;
    c->reason = record->fault.kind;
    c->pc = record->fault.pc;
    c->lr = record->fault.lr;
    c->sp = record->fault.sp;
    memcpy(c->fault, record->fault.status, sizeof c->fault);
    agent.reports.has_crash = true;
    for (int slot = SLOT_A; slot < SLOT_COUNT; slot++) {
        struct slot_record s;
        if (slot_address(agent.layout, slot) == record->slot_base &&
            slot_get(&agent.journal, slot, &s) == 0) {
            report(REPORT_CRASH, s.digest, record->fault.kind);
        }
    }
}

void reports_from_last_boot(void) {
    struct slot_record other;
    facts_other(&other);
    if (other.state == SLOT_BAD) {
        report(REPORT_BAD, other.digest, other.reason);
    } else if (other.state == SLOT_REVERTED) {
        report(REPORT_REVERTED, other.digest, other.reason);
    }
    const struct crash_record *record = os_last_crash();
    if (record) {
        report_crash(record);
    }
}

uint32_t reports_take(void) {
    struct agent_reports *r = &agent.reports;
    r->carried = r->count;
    r->refused_carried = r->refused;
    r->crash_carried = r->has_crash;
    if (r->refused == 0) {
        return r->count;
    }
    struct message_report *last = &r->list[r->count];
    memset(last, 0, sizeof *last);
    last->kind = REPORT_REFUSED_ANSWERS;
    last->code = r->refused;
    memcpy(last->digest, agent.running_digest, sizeof last->digest);
    return r->count + 1U;
}

void reports_forget(void) {
    struct agent_reports *r = &agent.reports;
    r->count = (uint8_t)(r->count - r->carried);
    memmove(r->list, &r->list[r->carried], r->count * sizeof r->list[0]);
    r->carried = 0;
    r->refused -= r->refused_carried;
    r->refused_carried = 0;
    if (r->crash_carried) {
        r->has_crash = false;
        os_last_crash_clear(); // the next start must not tell it again, of another image perhaps
    }
    r->crash_carried = false;
}
