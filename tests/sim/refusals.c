// SPDX-License-Identifier: Apache-2.0
// Feeds files to the real checks, as they would lie in a slot. Commands on standard input:
//   check FILE SLOT FLOOR DEVELOPMENT   slot_check() of the file's bytes in the slot: "ERROR
//   reason" flips FILE SLOT SEED COUNT          every bit of header and TLVs, COUNT seeded bits of
//   the body:
//                                       "PART BITS ERROR reason" per error, "end"
//   write FILE SLOT SEED                streamed through the installer: "ERROR reason"
//   boot FILE_A FILE_B                  blank journal, these in the slots: console, then "end SLOT"
// FILE: name in the folder, "-" for none.
// Usage: refusals GEOMETRY FOLDER
#include "device.h"

#include "hal/err.h"
#include "report.h"
#include "slots/check.h"
#include "slots/identity.h"
#include "slots/writer.h"

#include "board_stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20, ERRORS = 32 };

static const char *folder;
static uint8_t file[FILE_BYTES_MAX];
static uint8_t params_block[BOOT_PARAMS_BYTES];
static uint8_t keyset_buffer[TRUST_BUFFER_BYTES];
static struct boot_params params;
static struct keyset keys;
static struct journal journal;

_Noreturn void sim_fail(const char *where, int line, const char *what) {
    printf("FAILED %s:%d: %s\n", where, line, what);
    exit(1);
}

static uint32_t load(const char *name, uint8_t *to, uint32_t size) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    SIM_CHECK(f != NULL);
    uint32_t got = (uint32_t)fread(to, 1, size, f);
    fclose(f);
    return got;
}

static struct slot_policy policy(uint32_t floor, bool development) {
    return (struct slot_policy){.layout = &board_layout,
                                .params = &params,
                                .keys = &keys,
                                .floor = floor,
                                .development = development};
}

static uint8_t *slot_cells(int slot) {
    return nor.cells + board_layout.slot[slot].offset;
}

static void place(const char *name, int slot) {
    memset(slot_cells(slot), board_flash.erased_value, board_layout.slot[slot].size);
    if (strcmp(name, "-") != 0) {
        uint32_t size = load(name, file, sizeof(file));
        uint32_t room = board_layout.slot[slot].size;
        memcpy(slot_cells(slot), file, size < room ? size : room);
    }
}

static void check(const char *name, int slot, uint32_t floor, bool development) {
    struct image_info info;
    struct slot_policy p = policy(floor, development);
    place(name, slot);
    int err = slot_check(&p, slot, &info);
    printf("%d %s\n", err, err < 0 ? boot_reason(err) : "accepted");
}

struct tally {
    uint32_t of[ERRORS];
};

static void flip(int slot, uint32_t bit, struct tally *t) {
    struct image_info info;
    struct slot_policy p = policy(0, false);
    slot_cells(slot)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    int err = slot_check(&p, slot, &info);
    slot_cells(slot)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    t->of[-err]++;
}

static void print_tally(const char *part, const struct tally *t) {
    for (int i = 0; i < ERRORS; i++) {
        if (t->of[i] > 0) {
            printf("%s %u %d %s\n", part, t->of[i], -i, i > 0 ? boot_reason(-i) : "accepted");
        }
    }
}

static void flips(const char *name, int slot, uint32_t seed, uint32_t count) {
    struct image_info info;
    struct slot_policy p = policy(0, false);
    place(name, slot);
    SIM_CHECK(slot_check(&p, slot, &info) == 0);
    struct tally header = {0};
    struct tally tlvs = {0};
    struct tally body = {0};
    uint32_t body_end = info.hdr_size + info.body_size;
    for (uint32_t bit = 0; bit < info.hdr_size * 8; bit++) {
        flip(slot, bit, &header);
    }
    for (uint32_t bit = body_end * 8; bit < info.file_size * 8; bit++) {
        flip(slot, bit, &tlvs);
    }
    nor.random = seed;
    for (uint32_t i = 0; i < count; i++) {
        flip(slot, info.hdr_size * 8 + nor_random() % (info.body_size * 8), &body);
    }
    print_tally("header", &header);
    print_tally("tlvs", &tlvs);
    print_tally("body", &body);
    printf("end\n");
}

static int stream(const char *name, int slot) {
    static struct slot_writer writer;
    struct slot_writer_job job = {.slot = slot,
                                  .running_slot = !slot,
                                  .size = load(name, file, sizeof(file)),
                                  .chunk_bytes = nor.geometry->chunk_bytes};
    uint8_t blob[32];
    int err = slot_writer_begin(&writer, &journal, &board_layout, &job);
    while (err == 0 && writer.offset < job.size) {
        uint32_t left = job.size - writer.offset;
        uint32_t piece = nor_random() % 4 ? 1 + nor_random() % 1500 : 1 + nor_random() % 9;
        err = slot_writer_write(&writer, file + writer.offset, piece < left ? piece : left);
    }
    return err < 0 ? err : slot_writer_finish(&writer, blob);
}

static void write_streamed(const char *name, int slot, uint32_t seed) {
    struct image_info info;
    struct slot_policy p = policy(0, false);
    nor_use(nor.geometry);
    nor.random = seed;
    SIM_CHECK(journal_open(&journal, &board_layout, JOURNAL_AT_BOOT) == 0);
    int err = stream(name, slot);
    if (err == 0) {
        err = slot_check(&p, slot, &info);
    }
    printf("%d %s\n", err, err < 0 ? boot_reason(err) : "accepted");
}

static void boot_with(const char *a, const char *b) {
    nor_use(nor.geometry);
    place(a, SLOT_A);
    place(b, SLOT_B);
    enum boot_end end = device_boot(RESET_POWER_ON);
    printf("%send %d\n", console, end == BOOT_JUMPED ? handover.slot : -1);
}

int main(int argc, char **argv) {
    char line[256];
    char name[2][64];
    unsigned n[3];
    if (argc < 3) {
        return 2;
    }
    folder = argv[2];
    device_load(folder, &nor_geometries[atoi(argv[1])]);
    SIM_CHECK(load("boot_params.bin", params_block, sizeof(params_block)) == sizeof(params_block));
    SIM_CHECK(boot_params_read(&params, params_block) == 0);
    SIM_CHECK(journal_open(&journal, &board_layout, JOURNAL_AT_BOOT) == 0);
    SIM_CHECK(trust_load(&keys, keyset_buffer, &board_layout, &journal, &params) == 0);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (sscanf(line, "check %63s %u %u %u", name[0], &n[0], &n[1], &n[2]) == 4) {
            check(name[0], (int)n[0], n[1], n[2] != 0);
        } else if (sscanf(line, "flips %63s %u %u %u", name[0], &n[0], &n[1], &n[2]) == 4) {
            flips(name[0], (int)n[0], n[1], n[2]);
        } else if (sscanf(line, "write %63s %u %u", name[0], &n[0], &n[1]) == 3) {
            write_streamed(name[0], (int)n[0], n[1]);
        } else if (sscanf(line, "boot %63s %63s", name[0], name[1]) == 2) {
            boot_with(name[0], name[1]);
        } else {
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
