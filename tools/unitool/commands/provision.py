# SPDX-License-Identifier: Apache-2.0
"""unitool provision."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from unitool import apps, boards, keys, options, output, paths, provisioning
from unitool.errors import UsageError
from unitool.formats.flash import Policy
from unitool.provisioning import Options


@click.command()
@options.app_folder
@click.option("-b", "--board", "name", metavar="BOARD", required=True, help="Emulated board.")
@click.option(
    "--server",
    "url",
    metavar="URL",
    callback=options.device_url,
    help="Update server, such as http://10.0.2.2:8080.",
)
@click.option("--token", metavar="HEX|new", help="Enrolment token: 32 hexadecimal digits, or new.")
@click.option("--development/--production", default=None, help="Accept keys of role image-dev.")
@click.option("--floor", default=0, type=options.COUNTER, help="Least security counter.")
@click.option(
    "--policy",
    default="always",
    type=click.Choice(["always", "install"]),
    help="When the bootloader verifies an image: always is what is built so far.",
)
@click.option("--new-identity", is_flag=True, help="Make it another device: a new key.")
@click.option("--state", type=options.STATE, help="State folder.")
@click.option(
    "--list",
    "list_file",
    type=options.OUTPUT,
    help="Add the device's id to this factory list.",
)
@options.boards_dirs
def command(
    app_dir: Path,
    name: str,
    url: str | None,
    token: str | None,
    development: bool | None,
    floor: int,
    policy: str,
    new_identity: bool,
    state: Path | None,
    list_file: Path | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Give a board its identity, and its bootloader the product's keys."""
    if policy != "always":
        raise UsageError(
            f"no bootloader obeys the policy {policy} yet: it verifies at every start",
            hint="leave it out, or say --policy always",
        )
    board = boards.load(name, (app_dir.resolve() / "boards", *boards_dirs))
    app = apps.load(app_dir)
    folder = keys.need(app_dir, app.vid)
    wanted = Options(
        url=url,
        token=_token(token),
        development=development,
        floor=floor,
        policy=Policy[policy.upper()],
        new_identity=new_identity,
    )
    state_dir = state or app.dir / "build" / board.name / "state"
    done = provisioning.provision(board, state_dir, folder, app, wanted)
    device = done.identity.device_id.hex()
    output.say(f"{'new' if done.new else 'kept'} device {device} on {board.name}")
    output.say(f"  server {done.identity.url or 'none'}, floor {floor}, policy {policy}")
    if token == "new":
        output.say(f"  enrolment token {done.identity.token.hex()}")
    if list_file is not None:
        _add_to_list(list_file, device)
        output.say(f"  added to {list_file}")
    output.say(f"next: unitool flash -b {board.name}")
    output.emit(
        {
            "device": device,
            "public": done.identity.public.hex(),
            "new": done.new,
            "url": done.identity.url,
            "token": done.identity.token.hex(),
            "state": state_dir,
        }
    )


def _token(text: str | None) -> bytes | None:
    if text is None:
        return None
    if text == "new":
        return secrets.token_bytes(16)
    try:
        token = bytes.fromhex(text)
    except ValueError:
        token = b""
    if len(token) != 16:
        raise UsageError(
            "--token takes 32 hexadecimal digits, or the word new",
            "unitool device token prints one that the server knows",
        )
    return token


def _add_to_list(path: Path, device: str) -> None:
    listed = path.read_text().split() if path.exists() else []
    if device not in listed:
        with paths.writing(path), path.open("a") as file:
            file.write(f"{device}\n")
