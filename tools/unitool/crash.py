"""Crash reports on a console, turned into function, file and line by the matching ELF."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from unitool import output
from unitool.board_model import BODY_OFFSET

_LINE = re.compile(
    r"panic: (?P<reason>.*?) pc=(?P<pc>[0-9a-f]{8}) lr=(?P<lr>[0-9a-f]{8}) sp=(?P<sp>[0-9a-f]{8})"
    r" base=(?P<base>[0-9a-f]{8}) build=(?P<build>[0-9a-f]{40})(?: stack=(?P<stack>[0-9a-f,]*))?"
)
_FIRST_SECTION = ".head"  # of hal/arch/*/image.ld; segments may start before it, with ELF headers
# `fault STATUS STATUS EXCEPTION at ADDRESS`, as firmware/os/log/text/report.c prints it.
_FAULT = re.compile(r"fault ([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) at ([0-9a-f]{8,16})")
_ARM_CFSR = {  # Armv7-M, B3.2.15; the first bit that is set
    4: "stack overflow",
    12: "stack overflow",
    0: "jump to where no code may run",
    1: "forbidden access to {address}",
    8: "jump to where there is no code",
    9: "bus error at {address}",
    10: "bus error at an earlier write",
    16: "undefined instruction",
    17: "jump to an address without the Thumb bit",
    18: "return to an invalid address",
    24: "unaligned access",
    25: "division by zero",
}
_RISCV_MCAUSE = {
    0: "jump to an odd address",
    1: "jump to {address}, where no code may run",
    2: "illegal instruction",
    4: "unaligned read at {address}",
    5: "forbidden read at {address}",
    6: "unaligned write at {address}",
    7: "forbidden write at {address}",
}
_ADDR2LINE = {"EM_ARM": "arm-none-eabi-addr2line", "EM_RISCV": "riscv64-unknown-elf-addr2line"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What a board said about its last crash; addresses as they were in the slot that ran."""

    reason: str
    pc: int
    lr: int
    sp: int
    slot_base: int
    build_id: str
    stack: tuple[int, ...]

    @property
    def words(self) -> str:
        """The reason, with the CPU's fault registers put into words."""
        match = _FAULT.fullmatch(self.reason)
        if match is None:
            return self.reason
        status, exception = int(match[1], 16), int(match[2], 16)
        if exception:  # Arm numbers its exceptions, RISC-V leaves this 0
            texts = (text for bit, text in _ARM_CFSR.items() if status >> bit & 1)
            text = next(texts, "fault")
        else:
            text = _RISCV_MCAUSE.get(status, "fault")
        return text.format(address=match[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One place in the program."""

    role: str  # "at", "called from" or, for what merely lies on the stack, "maybe from"
    function: str
    place: str  # file:line

    def __str__(self) -> str:
        return f"{self.role} {self.function} ({self.place})"


def parse_line(text: str) -> Crash | None:
    """Return the crash that a console line reports, if it does."""
    match = _LINE.search(text)
    if match is None:
        return None
    words = (match["stack"] or "").split(",")
    return Crash(
        reason=match["reason"],
        pc=int(match["pc"], 16),
        lr=int(match["lr"], 16),
        sp=int(match["sp"], 16),
        slot_base=int(match["base"], 16),
        build_id=match["build"],
        stack=tuple(int(word, 16) for word in words if word),
    )


def find_elf(build_id: str, folders: Iterable[Path]) -> Path | None:
    """Return an ELF below `folders` whose build id section is `build_id` (hex)."""
    for folder in folders:
        for path in sorted(folder.rglob("*.elf")):
            if _build_id(path) == build_id:
                return path
    return None


def _build_id(path: Path) -> str:
    try:
        with path.open("rb") as file:
            section = ELFFile(file).get_section_by_name(".build_id")
            return bytes(section.data()).hex() if section else ""
    except (OSError, ELFError):
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A linked image, and how far it ran from where it was linked for."""

    elf: Path
    machine: str
    code: tuple[range, ...]
    shift: int

    def place(self, address: int) -> int | None:
        """Where in the ELF the code at `address` stands; in RAM it is where it was linked for."""
        even = address & ~1
        places = (at for at in (even + self.shift, even) if any(at in span for span in self.code))
        return next(places, None)

    def frame(self, role: str, place: int) -> Frame | None:
        """Function and line. A return address points behind the call."""
        asked = place if role == "at" else place - 2
        tool = _ADDR2LINE[self.machine]
        found = output.run([tool, "-e", self.elf, "-f", "-C", f"{asked:#x}"], check=False)
        function, where, *_ = [*found.stdout.splitlines(), "?", "?"]
        if where.startswith("?"):
            return None
        return Frame(role=role, function=function, place=where.split(" (")[0])


def decode(crash: Crash, elf: Path) -> list[Frame]:
    """Name the places of `crash` with an ELF of its build, linked for either slot."""
    program = _program(elf, crash.slot_base + BODY_OFFSET)
    return [] if program.machine not in _ADDR2LINE else list(_frames(program, crash))


def _program(elf: Path, ran_at: int) -> _Program:
    with elf.open("rb") as file:
        image = ELFFile(file)
        head = image.get_section_by_name(_FIRST_SECTION)
        return _Program(
            elf=elf,
            machine=image["e_machine"],
            code=tuple(
                range(s["sh_addr"], s["sh_addr"] + s["sh_size"])
                for s in image.iter_sections()
                if s["sh_flags"] & 4  # SHF_EXECINSTR
            ),
            shift=head["sh_addr"] - ran_at if head else 0,
        )


def _frames(program: _Program, crash: Crash) -> Iterator[Frame]:
    candidates = [("at", crash.pc), ("called from", crash.lr)]
    candidates += [("maybe from", word) for word in crash.stack]
    seen = set()
    for role, address in candidates:
        if role == "maybe from" and program.machine == "EM_ARM" and not address & 1:
            continue  # a return address has the Thumb bit
        place = program.place(address)
        if place is None or place in seen:
            continue
        seen.add(place)
        frame = program.frame(role, place)
        if frame is not None:
            yield frame
