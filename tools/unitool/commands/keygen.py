# SPDX-License-Identifier: Apache-2.0
"""unitool keygen."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import apps, boards, keys, options, output
from unitool.errors import UsageError
from unitool.formats import image, p256
from unitool.keys import KeyFolder

_ADVICE = (
    ("root.pem", "signs keysets. Take it OFFLINE after this, and back it up in two places."),
    ("spare.pem", "outranks root.pem if that is lost or stolen. OFFLINE, away from root.pem."),
    ("image.pem", "signs images. OFFLINE or in an HSM; back it up."),
    ("server.pem", "speaks for the update server. Goes to the server; back it up."),
    ("*.pub.pem", "public halves: stay here, so that the private ones need not."),
    ("keyset.cose", "says which keys devices trust; goes into every bootloader."),
)


@click.command(epilog="\b\n" + "\n".join(f"{name:12} {advice}" for name, advice in _ADVICE))
@options.app_folder
@click.option("--vendor", metavar="DOMAIN", help="Vendor's domain, where there is no app.toml.")
@click.option(
    "--url", metavar="URL", callback=options.device_url, help="Server's URL to put into the keyset."
)
@click.option("--renew-keyset", is_flag=True, help="Sign the next keyset with the keys of today.")
@click.option("--floor", type=options.COUNTER, help="With --renew-keyset: least counter.")
@click.option(
    "-b", "--board", "names", metavar="BOARD", multiple=True, help="With --floor: for these boards."
)
@options.boards_dirs
def command(
    app_dir: Path,
    vendor: str | None,
    url: str | None,
    renew_keyset: bool,
    floor: int | None,
    names: tuple[str, ...],
    boards_dirs: tuple[Path, ...],
) -> None:
    """Make the keys of a vendor and its first keyset in APP_DIR/keys/."""
    if not renew_keyset and (floor is not None or names):
        raise UsageError(
            "--floor and --board say what the next keyset demands",
            "unitool keygen --renew-keyset --floor N -b BOARD",
        )
    if renew_keyset:
        extra = (app_dir.resolve() / "boards", *boards_dirs)
        floors = {} if floor is None else _floors(app_dir, floor, names, extra)
        _renew(app_dir, url, floors)
        return
    vid = image.vendor_id(vendor) if vendor else apps.load(app_dir).vid
    made = keys.generate(app_dir / keys.FOLDER, vid, url=url)
    output.say(f"made four P-256 keys and a keyset in {made.path}/ (git ignores them):")
    for name, advice in _ADVICE:
        output.say(f"  {name:12} {advice}")
    output.say("Lost root and spare keys cannot be replaced on devices in the field.")
    output.say("next: unitool build, then unitool sign")
    output.emit(_facts(made))


def _floors(
    app_dir: Path, floor: int, names: tuple[str, ...], extra: tuple[Path, ...]
) -> dict[bytes, int]:
    if not names:
        raise UsageError(
            "--floor needs --board: floors are per product and hardware",
            "unitool keygen --renew-keyset --floor N -b BOARD",
        )
    app = apps.load(app_dir)
    return {app.cid(boards.load(name, extra)): floor for name in names}


def _renew(app_dir: Path, url: str | None, floors: dict[bytes, int]) -> None:
    found = keys.need(app_dir)
    renewed = found.renew(floors, url)
    output.say(f"signed keyset {renewed.epoch}: {found.path / keys.KEYSET_FILE}")
    output.say("next: unitool provision, or publish it with the next release")
    output.emit(_facts(found))


def _facts(made: KeyFolder) -> dict[str, object]:
    now = made.keyset()
    return {
        "folder": made.path.resolve(),
        "vid": now.vid.hex(),
        "fleet": now.fleet.hex(),
        "epoch": now.epoch,
        "kids": {name: p256.kid(made.public(name)).hex() for name in keys.NAMES},
    }
