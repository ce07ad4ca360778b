// SPDX-License-Identifier: Apache-2.0
// RISC-V, machine mode: from reset to hal_main, and where every trap enters.

    .section .head, "ax"
    .option push
    .option norvc
    j hal_reset_entry
    .option pop
    .org 0x20 // what FORMAT.md section 2 wants here
    .word 0x434F4C52, hal_reloc_offset, hal_build_id_offset

    .section .text.start, "ax"
    .globl hal_reset_entry
// a0 = handover, kept throughout.
hal_reset_entry:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    csrw mie, zero
    csrci mstatus, 8
    la t0, hal_retained + 128 // RETAINED_CRASH_OFFSET
    csrw mscratch, t0
    la t0, hal_trap_entry
    csrw mtvec, t0
    la sp, hal_stack_end
    la tp, hal_tls_base
    la a1, hal_data_load
    la a2, hal_data_start
    la a3, hal_data_end
    jal t2, copy
    la a2, hal_ramtext_start // stored behind the data: a1 is there already
    la a3, hal_ramtext_used
    jal t2, copy
    fence.i
    la a3, hal_data_end
    la a4, hal_bss_end
    bgeu a3, a4, 4f
3:  sw zero, 0(a3)
    sw zero, 4(a3)
    sw zero, 8(a3)
    sw zero, 12(a3)
    addi a3, a3, 16
    bltu a3, a4, 3b
4:  tail hal_main

// From a1 to a2, up to a3, 16 bytes a turn (the linker script pads); returns through t2.
copy:
    bgeu a2, a3, 2f
1:  lw t0, 0(a1)
    lw t1, 4(a1)
    lw a5, 8(a1)
    lw a6, 12(a1)
    sw t0, 0(a2)
    sw t1, 4(a2)
    sw a5, 8(a2)
    sw a6, 12(a2)
    addi a1, a1, 16
    addi a2, a2, 16
    bltu a2, a3, 1b
2:  jr t2

    .section .text.hal_trap_entry, "ax"
    .balign 4
// mscratch points to struct hal_fault: regs[i] = x<i>, regs[0] = pc. Of 64 bits it keeps the lower
// half: all memory lies below 4 GiB.
hal_trap_entry:
    csrrw sp, mscratch, sp
    sw x1, 4(sp)
    sw x3, 12(sp)
    sw x4, 16(sp)
    sw x5, 20(sp)
    sw x6, 24(sp)
    sw x7, 28(sp)
    sw x8, 32(sp)
    sw x9, 36(sp)
    sw x10, 40(sp)
    sw x11, 44(sp)
    sw x12, 48(sp)
    sw x13, 52(sp)
    sw x14, 56(sp)
    sw x15, 60(sp)
    sw x16, 64(sp)
    sw x17, 68(sp)
    sw x18, 72(sp)
    sw x19, 76(sp)
    sw x20, 80(sp)
    sw x21, 84(sp)
    sw x22, 88(sp)
    sw x23, 92(sp)
    sw x24, 96(sp)
    sw x25, 100(sp)
    sw x26, 104(sp)
    sw x27, 108(sp)
    sw x28, 112(sp)
    sw x29, 116(sp)
    sw x30, 120(sp)
    sw x31, 124(sp)
    la t0, hal_reset_now // a fault in here only resets
    csrw mtvec, t0
    mv a0, sp
    la sp, hal_retained_end
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    j hal_fault_gather

    .section .text.hal_trap_panic, "ax"
    .globl hal_trap_panic
hal_trap_panic:
    ecall // a0 stays in the record
