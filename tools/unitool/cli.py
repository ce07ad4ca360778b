"""The command line: commands/*.py by name; errors become a sentence, a hint, an exit code."""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from unitool import output
from unitool.errors import UnitoolError

# What a machine refuses and its user can mend; any other OSError is a bug and keeps its traceback.
_REFUSED = {
    errno.ENOSPC: "make room on this disk and try again",
    errno.EDQUOT: "make room on this disk and try again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "name another place to write to, or make this one writable",
    errno.EACCES: "run it as the owner, or make it accessible",
    errno.EPERM: "run it as the owner, or make it accessible",
    errno.EIO: "look after this disk",
}
# Of a path that the user gave: without one it is a bug as well.
_MISPLACED = {
    errno.ENOENT: "look at the path: it is not there, or its folder is not, or takes no files",
    errno.ENOTDIR: "a file stands where a folder is wanted: name another place",
    errno.EEXIST: "a file stands where a folder is wanted: name another place",
    errno.EISDIR: "a folder stands where a file is wanted: name another place",
    errno.ENAMETOOLONG: "name a shorter path",
}
_COMMANDS = Path(__file__).parent / "commands"


class _Lazy(click.Group):
    """Imports a command's module when it is called, so that the tool starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            path.stem.replace("_", "-")
            for path in _COMMANDS.glob("*.py")
            if not path.stem.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"unitool.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unitool", prog_name="unitool")
@click.option("-v", "--verbose", is_flag=True, help="Show the commands that unitool runs.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def command(verbose: bool, as_json: bool) -> None:
    """Build, sign, flash, watch and update firmware for connected ARM and RISC-V devices.

    Exit codes: 0 done, 1 failed, 2 wrong usage; flash tells more apart (docs/flashing.md). -v and
    --json may also stand behind the command.
    """
    output.configure(verbose=verbose, as_json=as_json)


def main() -> None:
    """Run the command line; the one place that catches UnitoolError."""
    try:
        command.main(args=_globals_first(sys.argv[1:]), prog_name="unitool")
    except UnitoolError as error:
        _fail(error)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        path = error.filename2 or error.filename
        hints = _REFUSED | (_MISPLACED if path else {})
        if error.errno not in hints:
            raise
        output.detail(traceback.format_exc())
        where = f"{path}: " if path else ""
        _fail(UnitoolError(f"{where}{error.strerror}", hints[error.errno]))


def _fail(error: UnitoolError) -> NoReturn:
    click.echo(click.style("error: ", fg="red", bold=True) + error.message, err=True)
    if error.hint:
        click.echo(click.style("  hint: ", fg="cyan") + error.hint, err=True)
    sys.exit(error.exit_code)


def _globals_first(arguments: list[str]) -> list[str]:
    """Accept -v and --json behind the command too, where people type them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = [a for a in arguments[:end] if a in ("-v", "--verbose", "--json")]
    rest = [a for a in arguments[:end] if a not in ("-v", "--verbose", "--json")]
    return ours + rest + arguments[end:]
