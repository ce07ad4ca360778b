# SPDX-License-Identifier: Apache-2.0
"""unitool sign."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, build, keys, options, output, signing
from unitool.formats import image


@click.command()
@options.app_folder
@click.option(
    "-b", "--board", "names", metavar="BOARD", multiple=True, help="Board; several or none: all."
)
@click.option(
    "--counter",
    default=0,
    show_default=True,
    type=options.COUNTER,
    help="Security counter: devices never go below the floor.",
)
@click.option(
    "--key",
    "key_file",
    type=options.FILE,
    help="Image key as PEM instead of keys/image.pem.",
)
@options.boards_dirs
def command(
    app_dir: Path,
    names: tuple[str, ...],
    counter: int,
    key_file: Path | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Build the application in APP_DIR and sign it: NAME.signed.bin in its build/BOARD/."""
    extra = (app_dir.resolve() / "boards", *boards_dirs)
    wanted = names or tuple(b.name for b in boards.all_boards(extra))
    facts = []
    for name in wanted:
        built = build.build(app_dir, boards.load(name, extra))
        assert built.app is not None
        folder = keys.need(app_dir, built.app.vid)
        key = keys.load(key_file) if key_file else folder.private(signing.IMAGE_KEY)
        if not signing.is_trusted(folder, key):
            output.warn(f"the keyset in {folder.path} does not name this key: devices refuse it")
        signed = signing.sign(built, folder, counter, key=key)
        parsed = image.parse(signed.read_bytes())
        output.say(f"signed {built.name} {parsed.version} for {name}: {signed}")
        output.say(f"  {parsed.file_size:,} B, counter {counter}, digest {parsed.digest.hex()}")
        facts.append(
            {
                "board": name,
                "file": signed,
                "version": str(parsed.version),
                "counter": counter,
                "digest": parsed.digest.hex(),
                "size": parsed.file_size,
            }
        )
    output.emit(facts)
    output.say(f"next: unitool flash -b {wanted[0]}, or unitool pack")
