// SPDX-License-Identifier: Apache-2.0
// The least start code that the build's rules ask for. Never run.
    .section .head, "ax"
    .global start
start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, start_stack_end
    j go
    .org 0x20
    .word 0x434F4C52
    .word start_reloc_offset
    .word start_build_id_offset

    .section .text.go, "ax"
    .weak base_start
go:
    call base_start
    call main
    j go
