// SPDX-License-Identifier: Apache-2.0
// A relocation table as a whole.
#pragma once
#include "image/reloc.h"

// 0 if every entry keeps the rules: goes to the body's end without moving anything.
static inline int table_check(const struct reloc *r) {
    struct reloc scan = *r;
    return reloc_seek(&scan, r->body_size, 0, true);
}
