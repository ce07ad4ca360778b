// SPDX-License-Identifier: Apache-2.0
// memcpy and memset by words and bursts: small libc's work byte by byte, at 4 to 8 times the cost.
// Single words may be unaligned on Armv7-M, bursts may not.
    .syntax unified
    .thumb

    .section .text.memcpy, "ax"
    .globl memcpy
    .type memcpy, %function
    .thumb_func
memcpy: // r0 = to, kept; r1 = from; r2 = bytes
    push {r0, r4, r5, r6, lr}
    orr r3, r0, r1
    lsls r3, r3, #30
    bne 2f
1:  subs r2, r2, #16
    itt hs
    ldmiahs r1!, {r3, r4, r5, r6}
    stmiahs r0!, {r3, r4, r5, r6}
    bhs 1b
    adds r2, r2, #16
2:  subs r2, r2, #4
    itt hs
    ldrhs r3, [r1], #4
    strhs r3, [r0], #4
    bhs 2b
    adds r2, r2, #4
3:  subs r2, r2, #1
    itt hs
    ldrbhs r3, [r1], #1
    strbhs r3, [r0], #1
    bhs 3b
    pop {r0, r4, r5, r6, pc}

    .section .text.memset, "ax"
    .globl memset
    .type memset, %function
    .thumb_func
memset: // r0 = to, kept; r1 = byte; r2 = bytes
    push {r0, r4, r5, lr}
    uxtb r1, r1
    orr r1, r1, r1, lsl #8
    orr r1, r1, r1, lsl #16
    lsls r3, r0, #30
    bne 2f
    mov r3, r1
    mov r4, r1
    mov r5, r1
1:  subs r2, r2, #16
    it hs
    stmiahs r0!, {r1, r3, r4, r5}
    bhs 1b
    adds r2, r2, #16
2:  subs r2, r2, #4
    it hs
    strhs r1, [r0], #4
    bhs 2b
    adds r2, r2, #4
3:  subs r2, r2, #1
    it hs
    strbhs r1, [r0], #1
    bhs 3b
    pop {r0, r4, r5, pc}
