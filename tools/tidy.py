"""clang-tidy over the firmware, each file as the cross compiler was told to compile it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm
from unitool import boards, build
from unitool.boards import Board

ROOT = Path(__file__).resolve().parents[1]
TIDY = Path(sys.executable).parent / "clang-tidy"
OUT = ROOT / "build/tidy"
# Together they use every component; the bootloader comes besides.
APPS = ("firmware/apps/webdemo", "tests/apps/features", "tests/apps/netlab")
FOLDERS = ("firmware", "hal", "boards")
TARGETS = {"armv7m": "armv7m-none-eabi", "riscv": "riscv32-unknown-elf"}
# What gcc knows and clang does not.
GCC_ONLY = ("--specs=", "-misa-spec=", "-mword-relocations", "-flto", "-fno-ident", "-ffile-prefix")


def _commands(board: Board, apps: Iterable[str]) -> dict[Path, tuple[Path, list[str]]]:
    """Each of our C files that is compiled for the board: working folder, compiler's words."""
    out = OUT / board.name
    built = [build.build(ROOT / app, board, out=out / Path(app).name).out for app in apps]
    built.append(build.build_boot(board, out=out / "boot").out)
    found = {}
    for folder in built:
        for entry in json.loads((folder / "compile_commands.json").read_text()):
            file = Path(entry["file"])
            if file.suffix == ".c" and file.is_relative_to(ROOT):
                found[file] = (Path(entry["directory"]), entry["arguments"])
    return {f: c for f, c in found.items() if f.relative_to(ROOT).parts[0] in FOLDERS}


def _system_folders(compiler: str) -> list[str]:
    """Where the compiler finds the C library's headers; clang brings those of a compiler."""
    words = [compiler, "--specs=picolibc.specs", "-xc", "-E", "-v", os.devnull]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stderr
    listed = text.split("search starts here:")[-1].split("End of search list")[0]
    return [folder for folder in listed.split() if "/gcc" not in folder]


def _database(board: Board, apps: Iterable[str], seen: set[Path]) -> list[dict[str, object]]:
    """What clang-tidy reads, of the files that no other board has shown."""
    entries: list[dict[str, object]] = []
    for file, (folder, words) in _commands(board, apps).items():
        if file in seen:
            continue
        seen.add(file)
        kept = [word for word in words[1:] if not word.startswith(GCC_ONLY)]
        system = [word for path in _system_folders(words[0]) for word in ("-isystem", path)]
        target = f"--target={TARGETS[board.arch]}"
        arguments = ["clang", target, *system, *kept]
        entries.append({"directory": str(folder), "file": str(file), "arguments": arguments})
    return entries


def _check(file: str) -> str:
    words = [TIDY, "-p", OUT, "--quiet", file]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def main() -> int:
    """Print what is found; 1 if anything is."""
    seen: set[Path] = set()
    every = boards.all_boards()
    shown = boards.one_of_each_family(every)  # others bring no files but their own folder's
    entries = [e for board in shown for e in _database(board, APPS, seen)]
    entries += [e for board in every for e in _database(board, (), seen)]
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "compile_commands.json").write_text(json.dumps(entries))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(_check, [str(entry["file"]) for entry in entries])
        told = [
            text
            for text in tqdm(found, "clang-tidy", len(entries), leave=False, disable=None)
            if text
        ]
    print("".join(told), end="")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
