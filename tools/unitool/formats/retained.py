# SPDX-License-Identifier: Apache-2.0
"""What lies in RAM that survives a reset (docs/flash.md): reset cause, handover, crash record."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Self
from zlib import crc32

from construct import (
    Array,
    Bytes,
    Const,
    ConstructError,
    Default,
    Int8ul,
    Int16ul,
    Int32ul,
    PaddedString,
    Padding,
    Struct,
)

from unitool.formats.reasons import NotFoundError

CAUSE_OFFSET, HANDOVER_OFFSET, CRASH_OFFSET = 0, 16, 128
BYTES_MIN = 1024
CAUSE_MAGIC, HANDOVER_MAGIC, CRASH_MAGIC = 0x43545352, 0x4F485455, 0x48535243
REGISTERS, STATUS_WORDS, STACK_WORDS = 32, 4, 64


class ResetReason(IntEnum):
    """Why a board started."""

    POWER_ON = 1
    SOFTWARE = 2
    WATCHDOG = 3
    PANIC = 4
    UPDATE = 5
    EXTERNAL = 6


class BootMode(IntEnum):
    """How an image was started."""

    NORMAL = 0
    SAFE = 1


class FaultKind(IntEnum):
    """What left a crash record."""

    CPU = 1
    PANIC = 2
    ASSERT = 3
    WATCHDOG = 4


class Arch(IntEnum):
    """Whose registers a crash record holds."""

    ARMV7M = 1
    RISCV32 = 2
    RISCV64 = 3


def _head(magic: int, size: int) -> Struct:
    return Struct(
        "magic" / Const(magic, Int32ul), "size" / Default(Int16ul, size), "version" / Int16ul
    )


class Sealed:
    """A frozen dataclass whose fields are those of FORM; behind them stands their CRC-32."""

    VERSION: ClassVar[int] = 1
    FORM: ClassVar[Struct]
    WHAT: ClassVar[str]

    def encode(self) -> bytes:
        """Return the bytes, CRC included."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        content: bytes = self.FORM.build(values | {"head": {"version": self.VERSION}})
        return content + struct.pack("<I", crc32(content))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a record; NotFoundError unless a whole one of a known version lies there."""
        size: int = cls.FORM.sizeof()
        try:
            found = cls.FORM.parse(data)
        except ConstructError:
            raise NotFoundError(f"{cls.WHAT}: none is there") from None
        if data[size : size + 4] != struct.pack("<I", crc32(data[:size])):
            raise NotFoundError(f"{cls.WHAT}: wrong CRC")
        if not cls._knows(found.head.version):
            raise NotFoundError(f"{cls.WHAT}: version {found.head.version}")
        values = {f.name: getattr(found, f.name) for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})

    @classmethod
    def _knows(cls, version: int) -> bool:
        return version == cls.VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetCause(Sealed):
    """Written by whoever resets; the bootloader takes it."""

    WHAT: ClassVar[str] = "reset cause"
    FORM: ClassVar[Struct] = Struct("head" / _head(CAUSE_MAGIC, 16), "reason" / Int32ul)
    reason: int  # ResetReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover(Sealed):
    """What the bootloader tells the image. Later versions fill what is reserved in this one."""

    WHAT: ClassVar[str] = "handover"
    FORM: ClassVar[Struct] = Struct(
        "head" / _head(HANDOVER_MAGIC, 112),
        "slot_base" / Int32ul,
        "boot_count" / Int32ul,
        "floor" / Int32ul,
        "keyset_epoch" / Int32ul,
        "phase_us" / Array(4, Int32ul),
        "boot_version" / Int32ul,
        "boot_params" / Int32ul,
        "slot" / Int8ul,
        "state" / Int8ul,
        "tries" / Int8ul,
        "mode" / Int8ul,
        "reset_reason" / Int8ul,
        "crashes" / Int8ul,
        Padding(2),
        "image_digest" / Bytes(32),
        Padding(20),
    )
    slot_base: int
    boot_count: int
    floor: int
    keyset_epoch: int
    phase_us: tuple[int, int, int, int]
    boot_version: int
    boot_params: int
    slot: int
    state: int  # records.SlotState
    tries: int
    mode: int  # BootMode
    reset_reason: int  # ResetReason
    crashes: int
    image_digest: bytes

    @classmethod
    def _knows(cls, version: int) -> bool:
        return version >= cls.VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashRecord(Sealed):
    """What a crash leaves."""

    WHAT: ClassVar[str] = "crash record"
    FORM: ClassVar[Struct] = Struct(
        "regs" / Array(REGISTERS, Int32ul),
        "status" / Array(STATUS_WORDS, Int32ul),
        "pc" / Int32ul,
        "lr" / Int32ul,
        "sp" / Int32ul,
        "kind" / Int32ul,
        "arch" / Int32ul,
        "head" / _head(CRASH_MAGIC, 492),
        "slot_base" / Int32ul,
        "uptime_ms" / Int32ul,
        "build_id" / Bytes(20),
        "message" / PaddedString(32, "utf-8"),
        "stack" / Array(STACK_WORDS, Int32ul),
    )
    regs: tuple[int, ...]
    status: tuple[int, ...]
    pc: int
    lr: int
    sp: int
    kind: int  # FaultKind
    arch: int  # Arch
    slot_base: int
    uptime_ms: int
    build_id: bytes
    message: str
    stack: tuple[int, ...]
