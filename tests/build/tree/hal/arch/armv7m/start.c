// SPDX-License-Identifier: Apache-2.0
// The least start code that the build's rules ask for. Never run.
#include <stdint.h>

extern uint8_t start_stack_end[], start_reloc_offset[], start_build_id_offset[];
void start(void);
void base_start(void);
int main(void);

__attribute__((weak)) void base_start(void) {
} // the bootloader has no os/base

__attribute__((section(".head"), used)) static const void *const head[11] = {
    start_stack_end,
    start,
    [8] = (const void *)0x434F4C52,
    [9] = start_reloc_offset,
    [10] = start_build_id_offset,
};

void start(void) {
    base_start();
    main();
    for (;;) {
    }
}
