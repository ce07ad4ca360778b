"""Emulated boards as debug probes of pyOCD: QEMU's qtest is the memory port, its gdb stub runs."""
