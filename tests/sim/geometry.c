// SPDX-License-Identifier: Apache-2.0
// Flash parts to simulate: what differs between real ones, at small size.
#include "nor.h"

#define REGIONS(...)                                                                               \
    .regions = (const struct hal_flash_region[]){__VA_ARGS__},                                     \
    .n_regions =                                                                                   \
        sizeof((const struct hal_flash_region[]){__VA_ARGS__}) / sizeof(struct hal_flash_region)

extern const struct hal_flash_ops nor_ops;

enum { KIB = 1024 };

const struct geometry nor_geometries[] = {
    {
        .name = "4 KiB, unit 8",
        .flash = {.ops = &nor_ops,
                  REGIONS({64, 4 * KIB}),
                  .size = 256 * KIB,
                  .program_bytes = 8,
                  .base = 0x21000000,
                  .erased_value = 0xFF},
        .layout = {.identity = {0, 4 * KIB},
                   .trust = {{4 * KIB, 4 * KIB}, {8 * KIB, 4 * KIB}},
                   .journal = {{12 * KIB, 4 * KIB}, {16 * KIB, 4 * KIB}},
                   .slot = {{64 * KIB, 64 * KIB}, {128 * KIB, 64 * KIB}}},
        .chunk_bytes = 8 * KIB,
    },
    {
        .name = "256 KiB, unit 4",
        .flash = {.ops = &nor_ops,
                  REGIONS({9, 256 * KIB}),
                  .size = 2304 * KIB,
                  .program_bytes = 4,
                  .base = 0x20000000,
                  .erased_value = 0xFF},
        .layout = {.identity = {0, 256 * KIB},
                   .trust = {{256 * KIB, 256 * KIB}, {512 * KIB, 256 * KIB}},
                   .journal = {{768 * KIB, 256 * KIB}, {1024 * KIB, 256 * KIB}},
                   .slot = {{1280 * KIB, 512 * KIB}, {1792 * KIB, 512 * KIB}}},
        .chunk_bytes = 64 * KIB,
    },
    {
        .name = "8..128 KiB, unit 4",
        .flash = {.ops = &nor_ops,
                  REGIONS({8, 8 * KIB}, {2, 16 * KIB}, {1, 64 * KIB}, {2, 128 * KIB}),
                  .size = 416 * KIB,
                  .program_bytes = 4,
                  .base = 0x08000000,
                  .erased_value = 0xFF},
        .layout = {.identity = {0, 8 * KIB},
                   .trust = {{8 * KIB, 8 * KIB}, {16 * KIB, 8 * KIB}},
                   .journal = {{24 * KIB, 8 * KIB}, {32 * KIB, 8 * KIB}},
                   .slot = {{64 * KIB, 96 * KIB}, {160 * KIB, 128 * KIB}}},
        .chunk_bytes = 8 * KIB,
    },
    {
        .name = "8 KiB, unit 512",
        .flash = {.ops = &nor_ops,
                  REGIONS({32, 8 * KIB}),
                  .size = 256 * KIB,
                  .program_bytes = 512,
                  .base = 0x10000000,
                  .erased_value = 0xFF},
        .layout = {.identity = {0, 8 * KIB},
                   .trust = {{8 * KIB, 8 * KIB}, {16 * KIB, 8 * KIB}},
                   .journal = {{24 * KIB, 16 * KIB}, {40 * KIB, 16 * KIB}},
                   .slot = {{64 * KIB, 64 * KIB}, {128 * KIB, 64 * KIB}}},
        .chunk_bytes = 16 * KIB,
    },
    {
        .name = "2 KiB, unit 16, ECC",
        .flash = {.ops = &nor_ops,
                  REGIONS({128, 2 * KIB}),
                  .size = 256 * KIB,
                  .program_bytes = 16,
                  .base = 0x08000000,
                  .erased_value = 0xFF},
        .layout = {.identity = {0, 4 * KIB},
                   .trust = {{4 * KIB, 4 * KIB}, {8 * KIB, 4 * KIB}},
                   .journal = {{12 * KIB, 2 * KIB}, {14 * KIB, 2 * KIB}},
                   .slot = {{64 * KIB, 64 * KIB}, {128 * KIB, 64 * KIB}}},
        .chunk_bytes = 8 * KIB,
        .erased_is_error = true,
    },
    {
        .name = "4 KiB, unit 4, erased 00",
        .flash = {.ops = &nor_ops,
                  REGIONS({64, 4 * KIB}),
                  .size = 256 * KIB,
                  .program_bytes = 4,
                  .base = 0x30000000,
                  .erased_value = 0x00},
        .layout = {.identity = {0, 4 * KIB},
                   .trust = {{4 * KIB, 4 * KIB}, {8 * KIB, 4 * KIB}},
                   .journal = {{12 * KIB, 4 * KIB}, {16 * KIB, 4 * KIB}},
                   .slot = {{64 * KIB, 64 * KIB}, {128 * KIB, 64 * KIB}}},
        .chunk_bytes = 8 * KIB,
    },
};

const unsigned nor_n_geometries = sizeof(nor_geometries) / sizeof(nor_geometries[0]);
