# SPDX-License-Identifier: Apache-2.0
"""unitool verify."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import apps, boards, options, output, trust, verify
from unitool.boards import Board
from unitool.errors import FormatError, UsageError
from unitool.formats import image
from unitool.formats.image import Image
from unitool.trust import Trust
from unitool.verify import Policy

_IDENTITY_HINT = "give what app.toml says of all three, or -C APP and -b BOARD"


@click.command()
@click.argument("file", type=options.FILE)
@click.option(
    "--key", "key_files", multiple=True, type=options.FILE, help="Image key (PEM) to trust."
)
@click.option(
    "--keyset", "keyset_file", type=options.FILE, help="Keyset whose image keys to trust."
)
@click.option(
    "--root", "roots", multiple=True, type=options.FILE, help="Root key (PEM) of the keyset."
)
@click.option("--development", is_flag=True, help="Trust keys of role image-dev too.")
@click.option("--floor", default=0, type=options.COUNTER, help="Least security counter.")
@click.option("--vendor", metavar="DOMAIN", help="Demand this vendor.")
@click.option("--product", metavar="NAME", help="Demand this product (needs --vendor and --hw).")
@click.option("--hw", metavar="NAME", help="Demand this hardware.")
@click.option(
    "-C",
    "--app",
    "app_dir",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Demand this application's identity, and trust its keys.",
)
@click.option(
    "-b", "--board", "board_name", metavar="BOARD", help="Demand that it runs on this board."
)
@options.boards_dirs
def command(
    file: Path,
    key_files: tuple[Path, ...],
    keyset_file: Path | None,
    roots: tuple[Path, ...],
    development: bool,
    floor: int,
    vendor: str | None,
    product: str | None,
    hw: str | None,
    app_dir: Path | None,
    board_name: str | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Check an image or a bundle as a device would; exit 1 says why it is refused."""
    trusted = trust.resolve(key_files, keyset_file, roots, app_dir or Path(), development)
    if not trusted.rooted:
        output.warn(f"nobody checked who signed {trusted.source}: give --root")
    vid, cid = _identity(vendor, product, hw)
    extra = ((app_dir or Path()).resolve() / "boards", *boards_dirs)
    board = boards.load(board_name, extra) if board_name else None
    if app_dir is not None:
        vid, cid = _of_app(app_dir, board)
    policy = _policy(trusted, floor, vid, cid, board)
    data = file.read_bytes()
    try:
        found = _check(data, policy)
    except FormatError as error:
        code = getattr(error, "code", "ERR_FORMAT")
        output.emit({"file": file, "ok": False, "code": code, "reason": error.message})
        raise type(error)(f"{file}: {error.message}", error.hint) from None
    for one in found:
        places = "either slot" if one.relocatable else f"the slot at {one.load_addr:#010x}"
        output.say(
            f"ok: {one.version}, counter {one.counter}, for {places}, signed by a key of "
            f"{trusted.source}"
        )
    output.emit({"file": file, "ok": True, "images": [_facts(one) for one in found]})


def _check(data: bytes, policy: Policy) -> list[Image]:
    if data.startswith(b"UOTA"):
        return [one for release in verify.check_bundle(data, policy) for one in release.images]
    return [verify.check_image(data, policy)]


def _identity(
    vendor: str | None, product: str | None, hw: str | None
) -> tuple[bytes | None, bytes | None]:
    if vendor is None and (product or hw):
        raise UsageError("--product and --hw need --vendor", _IDENTITY_HINT)
    if (product is None) != (hw is None):
        raise UsageError("--product and --hw go together", _IDENTITY_HINT)
    vid = image.vendor_id(vendor) if vendor else None
    cid = image.class_id(vid, product, hw) if vid and product and hw else None
    return vid, cid


def _of_app(app_dir: Path, board: Board | None) -> tuple[bytes, bytes | None]:
    app = apps.load(app_dir)
    return app.vid, app.cid(board) if board else None


def _policy(
    trusted: Trust, floor: int, vid: bytes | None, cid: bytes | None, board: Board | None
) -> Policy:
    return Policy(
        vid=vid,
        cid=cid,
        floor=floor,
        floors=trusted.floors,
        image_keys=trusted.image_keys,
        slot_a=board.slot_address(0) if board else None,
        slot_b=board.slot_address(1) if board else None,
        slot_bytes=board.slots[0].size if board else None,
    )


def _facts(one: Image) -> dict[str, object]:
    return {
        "version": str(one.version),
        "counter": one.counter,
        "vid": one.vid.hex(),
        "cid": one.cid.hex(),
        "digest": one.digest.hex(),
        "relocatable": one.relocatable,
        "size": one.file_size,
    }
