"""unitool monitor."""

from __future__ import annotations

from pathlib import Path

import click

from unitool import boards, monitor, options, watching


@click.command()
@click.option(
    "-p", "--port", metavar="PORT", help="Serial port or URL (/dev/ttyACM0, socket://host:port, …)."
)
@click.option("-b", "--board", metavar="BOARD", help="Emulated board that runs: its console.")
@click.option(
    "--baud",
    type=click.IntRange(1),
    metavar="N",
    default=watching.BAUD,
    show_default=True,
    help="Bits per second.",
)
@click.option("--timestamps", is_flag=True, help="Start each line with the time.")
@click.option("--log", type=options.OUTPUT, help="Append all output to this file.")
@click.option("--no-reconnect", is_flag=True, help="End when the port is lost.")
@click.option(
    "-C",
    "--app",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="App's folder.",
)
@click.option("--state", type=options.STATE, help="State folder.")
@options.boards_dirs
def command(
    port: str | None,
    board: str | None,
    baud: int,
    timestamps: bool,
    log: Path | None,
    no_reconnect: bool,
    folder: Path,
    state: Path | None,
    boards_dirs: tuple[Path, ...],
) -> None:
    """Show a board's console. Ctrl-] leaves, Ctrl-T opens the menu."""
    absent = monitor.Monitor.absent
    if board:
        boards.load(board, ((folder / "boards").resolve(), *boards_dirs))
        where = state or folder / "build" / board / "state"
        absent = f"start it: unitool run -b {board}"
        name = f"{board}'s console"

        def opener() -> monitor.Port:
            return monitor.UnixPort(where)
    else:
        url = port or watching.only_port()
        name = url

        def opener() -> monitor.Port:
            return monitor.SerialPort(url, baud)

    with log.open("a") if log else _Nothing() as file:
        monitor.Monitor(
            open_port=opener,
            name=name,
            search=[folder / "build"],
            timestamps=timestamps,
            log=file,
            log_name=log or Path("unitool-monitor.log"),
            reconnect=not no_reconnect,
            absent=absent,
            greeting=f"{name}: Ctrl-] leaves, Ctrl-T h lists the keys",
        ).run()


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
