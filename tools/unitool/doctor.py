"""What unitool needs on this machine: is it there, and which command mends it."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from unitool import paths, third_party


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that must be there; `fix` is the command that mends it."""

    name: str
    purpose: str
    found: str  # where or which version; empty if missing
    fix: str

    @property
    def ok(self) -> bool:
        """Whether it was found."""
        return bool(self.found)


def needs() -> list[Need]:
    """Look at everything that unitool needs."""
    return [*_system(), *_python(), *_sources()]


def _system() -> list[Need]:
    found = []
    for line in (paths.checkout() / "tools/system-packages.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        thing, packages, purpose = line.split(maxsplit=2)
        found.append(
            Need(
                name=packages.split("|")[0] if thing.startswith("/") else thing,
                purpose=purpose,
                found=_locate(thing),
                fix="sudo apt-get install "
                + packages.replace("|", "  (or: ", 1)
                + (")" if "|" in packages else ""),
            )
        )
    return found


def _locate(thing: str) -> str:
    if thing.startswith("/"):
        return thing if Path(thing).exists() else ""
    return shutil.which(thing) or ""


def _python() -> list[Need]:
    found = [
        Need(name="python", purpose="3.11 or later", found=sys.version.split()[0], fix=""),
    ]
    for text in importlib.metadata.requires("unitool") or []:
        requirement = Requirement(text)
        if requirement.marker is None:
            found.append(
                Need(
                    name=requirement.name,
                    purpose="Python package",
                    found=_installed(requirement),
                    fix=f'{sys.executable} -m pip install "{requirement}"',
                )
            )
    return found


def _installed(requirement: Requirement) -> str:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    return version if requirement.specifier.contains(version, prereleases=True) else ""


def _sources() -> list[Need]:
    found = []
    for source in third_party.pinned().values():
        origin = third_party.provenance(source)
        patched = "" if origin is None or origin.patched else " (upstream, without patches)"
        found.append(
            Need(
                name=f"{source.name} {source.version}",
                purpose="third-party C source",
                found="" if origin is None else origin.version + patched,
                fix="unitool doctor --fetch",
            )
        )
    return found
