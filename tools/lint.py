"""Format, lint, types and static analysis over the whole tree; says what mends it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
C_FOLDERS = ("firmware", "hal", "boards", "tests")


def _tracked(*suffixes: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *(f"*{s}" for s in suffixes)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split() if (ROOT / name).exists()]


def main() -> int:
    """Run every check, even after one failed; 1 if any did."""
    c_files = [n for n in _tracked(".c", ".h", ".cpp") if n.startswith(C_FOLDERS)]
    checks = {
        "ruff check": [BIN / "ruff", "check", "-q", "."],
        "ruff format": [BIN / "ruff", "format", "-q", "--check", "."],
        "mypy": [BIN / "mypy", "tools/unitool", "ota_server", "demo"],
        "clang-format": [BIN / "clang-format", "--dry-run", "--Werror", *c_files],
        "clang-tidy": [sys.executable, "tools/tidy.py"],
    }
    failed = [name for name, words in checks.items() if subprocess.run(words, cwd=ROOT).returncode]
    if failed:
        print(f"lint: {', '.join(failed)} failed; `make format` mends the formatting")
        return 1
    print(f"lint: {', '.join(checks)} clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
