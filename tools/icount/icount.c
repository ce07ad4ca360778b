// SPDX-License-Identifier: Apache-2.0
// QEMU TCG plugin: counts executed instructions and reports the count at chosen events. Not timing.
//
// Arguments: out=FILE, and any of
//   pc=ADDRESS   report each time the instruction at ADDRESS is about to run
//   st=ADDRESS   report each store to ADDRESS
//   max=N        reports per event (default 1)
// Lines of FILE: "pc|st ADDRESS COUNT"; at exit "end 0 COUNT".
//
// The few functions used are declared here (QEMU, include/qemu/qemu-plugin.h): they are the same in
// every API version from 1 (QEMU 7) to 4 (QEMU 10), and distributions do not ship the header.
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ICOUNT_API
#define ICOUNT_API 1
#endif

struct tb;
struct insn;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(uint64_t, struct tb *));
size_t qemu_plugin_tb_n_insns(const struct tb *tb);
struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *insn, void (*cb)(unsigned, void *),
                                            int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct insn *insn,
                                      void (*cb)(unsigned, uint32_t, uint64_t, void *), int flags,
                                      int rw, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t, void *), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = ICOUNT_API;

enum { MAX_EVENTS = 16, NO_REGISTERS = 0, WRITES = 2 };

struct event {
    uint64_t address;
    uint64_t reports;
    int is_store;
};

static struct event events[MAX_EVENTS];
static size_t n_events;
static uint64_t max_reports = 1;
static uint64_t count;
static int watches_stores;
static FILE *out;

static void report(struct event *e) {
    if (e->reports < max_reports) {
        e->reports++;
        fprintf(out, "%s 0x%" PRIx64 " %" PRIu64 "\n", e->is_store ? "st" : "pc", e->address,
                count);
        fflush(out);
    }
}

static void on_instruction(unsigned cpu, void *data) {
    (void)cpu;
    (void)data;
    count++;
}

static void on_event(unsigned cpu, void *data) {
    (void)cpu;
    report(data);
}

static void on_store(unsigned cpu, uint32_t info, uint64_t address, void *data) {
    (void)cpu;
    (void)info;
    (void)data;
    for (size_t i = 0; i < n_events; i++) {
        if (events[i].is_store && events[i].address == address) {
            report(&events[i]);
        }
    }
}

static void on_translate(uint64_t id, struct tb *tb) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        for (size_t k = 0; k < n_events; k++) {
            if (!events[k].is_store && events[k].address == address) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_event, NO_REGISTERS, &events[k]);
            }
        }
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, NO_REGISTERS, NULL);
        if (watches_stores) {
            qemu_plugin_register_vcpu_mem_cb(insn, on_store, NO_REGISTERS, WRITES, NULL);
        }
    }
}

static void on_exit_(uint64_t id, void *data) {
    (void)id;
    (void)data;
    fprintf(out, "end 0 %" PRIu64 "\n", count);
    fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
                                                               int argc, char **argv) {
    (void)info;
    out = stderr;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (value == NULL) {
            return -1;
        }
        value++;
        int is_store = strncmp(argv[i], "st=", 3) == 0;
        if (is_store || strncmp(argv[i], "pc=", 3) == 0) {
            if (n_events == MAX_EVENTS) {
                return -1;
            }
            events[n_events++] =
                (struct event){.address = strtoull(value, NULL, 0), .is_store = is_store};
            watches_stores |= is_store;
        } else if (strncmp(argv[i], "max=", 4) == 0) {
            max_reports = strtoull(value, NULL, 0);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(value, "w");
            if (out == NULL) {
                return -1;
            }
        } else {
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
