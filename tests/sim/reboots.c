// SPDX-License-Identifier: Apache-2.0
// Many reboots of every kind, many of them cut: no boot count, no sequence number of a poll and no
// block of random bytes may ever come twice. The device has no source of randomness and its clock
// always shows the same: only the boot count tells starts apart.
// Usage: reboots FOLDER COUNT
#include "device.h"

#include "board_stub.h"

// The library OS's random numbers, on the simulated board.
#include "../../firmware/os/random/random.c"

#include <stdio.h>
#include <stdlib.h>

enum { REBOOTS_MAX = 5000, BLOCK_BYTES = 32 };

static uint8_t blocks[REBOOTS_MAX][BLOCK_BYTES];
static uint64_t sequences[REBOOTS_MAX];
static unsigned n_runs;

_Noreturn void sim_fail(const char *file, int line, const char *what) {
    printf("FAILED %s:%d: %s after %u runs\n%s\n", file, line, what, n_runs, console);
    exit(1);
}

const struct handover *os_handover(void) {
    return &handover;
}

uint8_t hal_heap_start[NOISE_BYTES]; // comes up the same each time, too

_Noreturn void hal_trap_panic(const char *reason) {
    sim_fail(__FILE__, __LINE__, reason);
}

int hal_rng_read(void *to, size_t size) {
    (void)to;
    (void)size;
    return ERR_UNSUPPORTED;
}

static void run_once(void) {
    SIM_CHECK(os_random_init() == 0);
    os_random(blocks[n_runs], BLOCK_BYTES);
    sequences[n_runs] = (uint64_t)handover.boot_count << 32 | 1; // its first poll
    for (unsigned i = 0; i < n_runs; i++) {
        SIM_CHECK(memcmp(blocks[i], blocks[n_runs], BLOCK_BYTES) != 0);
        SIM_CHECK(sequences[i] < sequences[n_runs]);
    }
    n_runs++;
}

// The agent's own records, now and then.
static uint32_t write_records(void) {
    struct journal j;
    uint8_t generation[8] = {0};
    SIM_CHECK(journal_open(&j, &board_layout, JOURNAL_AT_RUN) == 0);
    for (uint32_t n = nor_random() % 3; n > 0; n--) {
        generation[0]++;
        SIM_CHECK(journal_append(&j, (struct journal_id){.type = JOURNAL_GENERATION}, generation,
                                 sizeof(generation)) == 0);
    }
    return j.rollovers;
}

int main(int argc, char **argv) {
    volatile unsigned cuts = 0;
    volatile uint32_t rollovers = 0;
    if (argc < 3) {
        return 2;
    }
    device_load(argv[1], &nor_geometries[0]);
    device_make(0);
    volatile enum reset_reason reason = RESET_POWER_ON;
    unsigned count = (unsigned)atoi(argv[2]);
    for (volatile unsigned i = 0; n_runs < count; i++) {
        nor_arm(0, CUT_BEFORE, i + 1);
        if (nor_random() % 3 == 0) {
            nor_arm(1 + nor_random() % 6, (enum cut)(nor_random() % CUT_KINDS), i + 1);
        }
        enum boot_end end = device_boot(reason);
        reason = RESET_POWER_ON;
        SIM_CHECK(end != BOOT_STUCK);
        if (end == BOOT_POWER_LOST) {
            cuts++;
            continue;
        }
        run_once();
        if (setjmp(nor.power_lost) != 0) {
            cuts++;
            continue;
        }
        rollovers = write_records();
        reason = (enum reset_reason)(RESET_POWER_ON + nor_random() % 6);
    }
    printf("%u runs, %u power cuts, %u rollovers, last boot count %u\n", n_runs, cuts, rollovers,
           handover.boot_count);
    return 0;
}
