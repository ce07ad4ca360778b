# SPDX-License-Identifier: Apache-2.0
"""unitool pack."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import keys, options, output, packing, paths, signing
from unitool.errors import UsageError
from unitool.formats import image
from unitool.formats.manifest import NAME_BYTES_MAX
from unitool.formats.reasons import MalformedError
from unitool.formats.version import Version
from unitool.packing import Release

_NUMBER = click.IntRange(0, 0xFFFF_FFFF)


@click.command()
@click.argument("files", nargs=-1, type=options.FILE)
@click.option(
    "-b",
    "--board",
    "names",
    metavar="BOARD",
    multiple=True,
    help="Without FILES: only these boards.",
)
@click.option(
    "-C",
    "--app",
    "app_dir",
    default=".",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="App's folder.",
)
@click.option(
    "-o", "--out", type=options.OUTPUT, help="The bundle; default build/NAME-VERSION.uota."
)
@click.option(
    "--key", "key_file", type=options.FILE, help="Image key as PEM instead of keys/image.pem."
)
@click.option(
    "--follows",
    metavar="LOW:HIGH",
    multiple=True,
    help="Versions that this may follow; several; none: any.",
)
@click.option("--boot-min", type=_NUMBER, metavar="N", help="Least bootloader version.")
@click.option("--agent-min", type=_NUMBER, metavar="N", help="Least update agent version.")
@click.option("--name", metavar="NAME", help="Name of the release.")
@click.option("--with-keyset", is_flag=True, help="Put the current keyset in.")
def command(
    files: tuple[Path, ...],
    names: tuple[str, ...],
    app_dir: Path,
    out: Path | None,
    key_file: Path | None,
    follows: tuple[str, ...],
    boot_min: int | None,
    agent_min: int | None,
    name: str | None,
    with_keyset: bool,
) -> None:
    """Pack signed images (those of the app's build/, or FILES) into one .uota bundle."""
    if name is not None and len(name.encode()) > NAME_BYTES_MAX:
        raise UsageError(
            f"--name of {len(name.encode())} bytes, at most {NAME_BYTES_MAX}", "give a shorter one"
        )
    chosen = files or _signed_images(app_dir, names)
    folder = keys.find(app_dir)
    key = keys.load(key_file) if key_file else keys.need(app_dir).private(signing.IMAGE_KEY)
    release = Release(
        follows=tuple(map(_range, follows)) or None,
        boot_min=boot_min,
        agent_min=agent_min,
        name=name,
    )
    keyset = folder.signed_keyset if with_keyset and folder else None
    items = [packing.load(path) for path in chosen]
    versions = sorted({image.parse(item.image).version for item in items})
    if not files and len(versions) > 1:
        raise UsageError(
            f"the signed images have several versions: {', '.join(map(str, versions))}",
            "unitool sign makes them anew, or choose with -b",
        )
    data = packing.pack(items, key, release, keyset)
    target = out or _default(app_dir, chosen[0], items[0].image)
    target.parent.mkdir(parents=True, exist_ok=True)
    paths.replace(target, data)
    output.say(f"packed {output.count(len(items), 'image')} into {target}: {len(data):,} B")
    for path, item in zip(chosen, items, strict=True):
        extra = " with SBOM" if item.sbom else ""
        output.say(f"  {path}: {image.parse(item.image).version}, {len(item.image):,} B{extra}")
    output.say("next: unitool publish " + str(target))
    output.emit({"file": target, "size": len(data), "images": list(chosen)})


def _signed_images(app_dir: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    found = sorted((app_dir / "build").glob(f"*/*{packing.SIGNED}"))
    chosen = tuple(path for path in found if not names or path.parent.name in names)
    missing = set(names) - {path.parent.name for path in chosen}
    if missing or not chosen:
        whose = ", ".join(sorted(missing)) or "any board"
        raise UsageError(f"no signed image for {whose}", "unitool sign")
    return chosen


def _default(app_dir: Path, first: Path, data: bytes) -> Path:
    stem = first.name.removesuffix(packing.SIGNED)
    return app_dir / "build" / f"{stem}-{image.parse(data).version}.uota"


def _range(text: str) -> tuple[Version, Version]:
    low, _, high = text.partition(":")
    hint = "such as --follows 1.2.0:1.4.3, or --follows 1.2.0"
    try:
        found = Version.parse(low), Version.parse(high or low)
    except MalformedError as error:
        raise UsageError(f"--follows {text}: {error.message}", hint) from None
    if found[0] > found[1]:
        raise UsageError(f"--follows {text}: {found[0]} is above {found[1]}", hint)
    return found
