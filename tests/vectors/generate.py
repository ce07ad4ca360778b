# SPDX-License-Identifier: Apache-2.0
"""Writes every golden vector below this folder; running it again changes nothing.

Use: .venv/bin/python tests/vectors/generate.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generator import flash, images, keys, messages, relocations, retained, statements
from generator.common import VECTORS, Writer


def collect() -> dict[str, str]:
    """Return every file by its path below this folder."""
    writer = Writer()
    for part in (keys, relocations, images, flash, retained, statements, messages):
        part.write(writer)
    return writer.files


def main() -> None:
    """Write the files and remove those that no longer exist."""
    files = collect()
    for old in VECTORS.glob("*/*.txt"):
        if str(old.relative_to(VECTORS)) not in files:
            old.unlink()
    for path, content in files.items():
        target = VECTORS / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(content)
    print(f"{len(files)} vectors")


if __name__ == "__main__":
    main()
