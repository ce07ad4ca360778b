// SPDX-License-Identifier: Apache-2.0
// Armv7-M: where the one thread's thread-local storage lies (libc keeps errno there).

extern char hal_tls_base[];
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the ABI's name
void *__aeabi_read_tp(void);

// Run-time ABI (IHI 0043), 5.3.5: changes r0 only. The storage starts 8 bytes behind the pointer.
__attribute__((naked)) void *__aeabi_read_tp(void) {
    __asm__("ldr r0, =hal_tls_base - 8\n"
            "bx lr\n"
            ".ltorg");
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)
