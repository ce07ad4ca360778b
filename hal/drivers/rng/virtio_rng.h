// SPDX-License-Identifier: Apache-2.0
// virtio entropy device behind virtio-mmio version 2 (VIRTIO 1.1, 4.2 and 5.4).
#pragma once
#include "hal/rng.h"
#include <stdint.h>

struct hal_rng {
    uintptr_t base;
};
extern const struct hal_rng board_rng;
