// SPDX-License-Identifier: Apache-2.0
// memcpy and memset by words where all is aligned: small libc's work byte by byte.

    .section .text.memcpy, "ax"
    .globl memcpy
    .type memcpy, @function
memcpy: // a0 = to, kept; a1 = from; a2 = bytes
    mv a3, a0
    add a4, a0, a2 // end
    or a5, a0, a1
    andi a5, a5, 3
    bnez a5, 4f
    andi a5, a2, ~15
    add a5, a5, a0 // end of the blocks
    j 2f
1:  lw t0, 0(a1)
    lw t1, 4(a1)
    lw t2, 8(a1)
    lw a6, 12(a1)
    sw t0, 0(a3)
    sw t1, 4(a3)
    sw t2, 8(a3)
    sw a6, 12(a3)
    addi a1, a1, 16
    addi a3, a3, 16
2:  bltu a3, a5, 1b
    j 4f
3:  lbu t0, 0(a1)
    sb t0, 0(a3)
    addi a1, a1, 1
    addi a3, a3, 1
4:  bltu a3, a4, 3b
    ret

    .section .text.memset, "ax"
    .globl memset
    .type memset, @function
memset: // a0 = to, kept; a1 = byte; a2 = bytes
    mv a3, a0
    add a4, a0, a2 // end
    andi a5, a0, 3
    bnez a5, 4f
    andi a1, a1, 255
    slli a5, a1, 8
    or a1, a1, a5
    slli a5, a1, 16
    or a1, a1, a5
    andi a5, a2, ~15
    add a5, a5, a0 // end of the blocks
    j 2f
1:  sw a1, 0(a3)
    sw a1, 4(a3)
    sw a1, 8(a3)
    sw a1, 12(a3)
    addi a3, a3, 16
2:  bltu a3, a5, 1b
    j 4f
3:  sb a1, 0(a3)
    addi a3, a3, 1
4:  bltu a3, a4, 3b
    ret
