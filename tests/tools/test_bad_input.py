# SPDX-License-Identifier: Apache-2.0
"""What people get wrong, over every command: the answer names the thing and the next step.

Each call ends with a sentence, a hint and the right exit code, and leaves everything as it was.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from unitool import apps, boards, cli, compiling, keys, output, packing, scaffold, toolchain
from unitool.formats import image, relocation
from unitool.formats.relocation import Table
from unitool.formats.version import Version

UNITOOL = Path(sys.executable).with_name("unitool")
BOARD, OTHER = "mps2-an385", "virt-rv32"
SIGNED = f"build/{BOARD}/desk.signed.bin"
BUNDLE = "desk.uota"


def _signed(app: apps.App, board: boards.Board, key: keys.KeyFolder) -> bytes:
    """An image that the board would take, without a compiler."""
    base = board.slot_address(0) + image.HEADER_BYTES_OURS
    body = bytearray(0x200)
    table = relocation.encode(Table(granule=4, base=base, plus=(4,), minus=()))
    body[0x40 : 0x40 + len(table)] = table
    body[0x20:0x2C] = b"".join(n.to_bytes(4, "little") for n in (relocation.MAGIC, 0x40, 0x1E0))
    return image.build(
        bytes(body),
        version=Version(1, 2),
        counter=3,
        vid=app.vid,
        cid=app.cid(board),
        key=key.private("image"),
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with keys, a signed image and a bundle, and files that are none of them."""
    path = tmp_path_factory.mktemp("x") / "desk"
    scaffold.create(path, board=BOARD, boards=[BOARD, OTHER])
    board, app = boards.load(BOARD), apps.load(path)
    made = keys.generate(path / "keys", app.vid)
    signed = path / SIGNED
    signed.parent.mkdir(parents=True)
    signed.write_bytes(_signed(app, board, made))
    (path / BUNDLE).write_bytes(packing.pack([packing.load(signed)], made.private("image")))
    (path / "random.bin").write_bytes(b"".join(sha256(bytes([i])).digest() for i in range(90)))
    (path / "empty").touch()
    (path / "cut.bin").write_bytes(signed.read_bytes()[:900])
    (path / "cut.uota").write_bytes((path / BUNDLE).read_bytes()[:300])
    (path / "cut.cose").write_bytes(made.signed_keyset[:100])
    changed = bytearray(signed.read_bytes())
    changed[0x300] ^= 1
    (path / "changed.bin").write_bytes(changed)
    (path / "lab" / "lab").mkdir(parents=True)
    (path / "lab" / "lab" / "board.toml").write_text("x")
    for name, toml in BAD_APPS.items():
        (path / name).mkdir()
        (path / name / "app.toml").write_bytes(toml)
    (path / "app-folder" / "app.toml").mkdir(parents=True)
    (path / "wrong-token").mkdir()
    (path / "wrong-token" / "operator.token").write_text("wrong\n")
    (path / "blobs-is-file").mkdir()
    (path / "blobs-is-file" / "blobs").touch()
    (path / "not-a-database").mkdir()
    shutil.copy(path / "random.bin", path / "not-a-database" / "server.db")
    (path / "keys-broken").mkdir()
    (path / "keys-broken" / "server.pem").write_text("x")
    return path


_APP = b'[app]\nname = "a"\nvendor = "example.com"\n'
BAD_APPS = {
    "app-no-toml": b"x = ",
    "app-binary": b"\xff\xfe",
    "app-no-version": _APP,
    "app-version": _APP + b'version = "1"\n',
    "app-unknown": _APP + b'version = "1.0"\n[components]\ncolour = "red"\n',
    "app-no-source": _APP + b'version = "1.0"\n',
}


def _state(path: Path) -> dict[str, bytes]:
    """Every file of a tree."""
    return {str(p): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


@pytest.fixture
def call(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """The command line in the desk's folder: exit code and what it complained."""
    monkeypatch.chdir(desk)
    for name in ("UNITOOL_SERVER", "UNITOOL_SERVER_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["unitool", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(str(left.value.code)), capsys.readouterr().err

    yield run
    output.configure(verbose=False, as_json=False)


def _complaint(text: str, where: str) -> None:
    """One sentence and its hint, or click's usage line and the option at fault."""
    ours = re.search(r"^error: (\S.*)\n  hint: \S.*\n\Z", text, re.MULTILINE)
    clicks = re.search(r"\ATry '|^Try 'unitool.*--help' for help", text, re.MULTILINE)
    assert ours or clicks, f"{where}: {text}"


_ANY_PORT = "--listen 127.0.0.1:0 --operator-port 0"
# Words → exit code, what the answer says, and where it sends people.
BAD = [
    # a file that is something else, cut short, changed, missing, or a folder
    ("inspect random.bin", 1, "random.bin is no image, bundle", "unitool sign makes images"),
    ("inspect empty", 1, "empty is no image, bundle", "unitool sign"),
    ("inspect keys/image.pem", 1, "keys/image.pem is no image", "unitool sign"),
    ("inspect cut.bin", 1, "cut.bin: the image is cut short", "copy or download it again"),
    ("inspect cut.uota", 1, "cut.uota: the bundle is cut short", "copy or download it again"),
    ("inspect cut.cose", 1, "cut.cose: CBOR string is cut short", "damaged"),
    ("inspect nope", 2, "'nope' does not exist", "--help"),
    ("inspect lab", 2, "lab is no build/BOARD/state", "-b"),
    (f"inspect lab -b {BOARD}", 2, f"lab holds no state of {BOARD}", "unitool run"),
    ("verify random.bin", 1, "random.bin: no image: magic", "unitool sign"),
    ("verify cut.bin", 1, "cut.bin: the image is cut short", "again"),
    ("verify changed.bin", 1, "changed.bin: the image digest does not match", "unitool sign"),
    ("verify .", 2, "'.' is a directory", "--help"),
    # whom to trust, and what is demanded
    (f"verify {SIGNED} --key random.bin", 1, "random.bin holds no key", "unitool keygen"),
    (f"verify {SIGNED} --key nope", 2, "'nope' does not exist", "--help"),
    (f"verify {SIGNED} --keyset random.bin", 1, "random.bin: keyset of", "unitool keygen"),
    (f"verify {SIGNED} --keyset cut.cose", 1, "cut.cose: CBOR string", "unitool keygen"),
    (f"verify {SIGNED} --root keys/root.pub.pem", 2, "--root says", "--keyset FILE"),
    (f"verify {SIGNED} --key keys/server.pem", 1, "unknown key", "unitool sign --key"),
    (f"verify {SIGNED} --floor 5", 1, "counter 3 is below the floor 5", "--counter N"),
    (f"verify {SIGNED} --vendor other.com", 1, "for another vendor", "vendor, product and hw"),
    (f"verify {SIGNED} --product x", 2, "need --vendor", "app.toml"),
    (f"verify {SIGNED} -C . -b {OTHER}", 1, "for another product or hardware", "unitool inspect"),
    # the build
    ("build nope", 2, "'nope' does not exist", "--help"),
    ("build main.c", 2, "'main.c' is a file", "--help"),
    ("build lab", 1, "lab has no app.toml", "unitool new NAME"),
    ("build -b nope", 2, "no board is called 'nope'", f"there are {BOARD}, "),
    ("build --out x", 2, "--out needs exactly one --board", "unitool build -b BOARD"),
    (f"build -b {BOARD} --out main.c", 2, "'main.c' is a file", "--help"),
    ("build -b lab --boards-dir lab", 1, "lab/lab/board.toml: not TOML", "porting.md"),
    (f"build app-no-toml -b {BOARD}", 1, "app-no-toml/app.toml: not TOML", "apps.md"),
    (f"build app-binary -b {BOARD}", 1, "app-binary/app.toml: not TOML", "apps.md"),
    (f"build app-folder -b {BOARD}", 1, "app-folder/app.toml: Is a directory", "another place"),
    (f"build app-no-version -b {BOARD}", 1, "app.version: is missing", "apps.md describes"),
    (f"build app-version -b {BOARD}", 1, "version '1' is not MAJOR.MINOR", "apps.md"),
    (f"build app-unknown -b {BOARD}", 1, "no component colour/red", "unitool components"),
    (f"build app-no-source -b {BOARD}", 1, "has no .c, .cpp or .S", "put main.c beside"),
    (f"size --diff nope -b {BOARD}", 2, "is in no git repository", "git init"),
    ("components nope", 2, "no component 'nope'", "unitool components"),
    ("new Big", 2, "'Big' cannot be an application's name", "small letters"),
    ("new lab", 1, "lab is not empty", "another name"),
    ("new main.c/x", 1, "main.c/x: Not a directory", "name another place"),
    ("new x -b nope", 2, "no board is called 'nope'", "there are"),
    # keys and images
    ("keygen", 1, "keys is not empty", "unitool keygen --help"),
    ("keygen lab", 1, "lab has no app.toml", "unitool new"),
    ("keygen --floor 3", 2, "--floor and --board", "--renew-keyset"),
    ("keygen --renew-keyset --floor 3", 2, "--floor needs --board", "-b BOARD"),
    (
        "keygen --renew-keyset --url http://é.com",
        2,
        "is not http://HOST:PORT",
        "http://10.0.2.2:8080",
    ),
    (f"sign -b {BOARD} --key keys/nope.pem", 2, "'keys/nope.pem' does not exist", "--help"),
    (f"sign -b {BOARD} --counter -1", 2, "-1 is not in the range", "--help"),
    ("pack nope", 2, "'nope' does not exist", "--help"),
    ("pack random.bin", 1, "random.bin: no image", "unitool sign makes signed images"),
    (f"pack {SIGNED} {SIGNED}", 2, "two images for the identity", "their own hw"),
    (f"pack -b {OTHER}", 2, f"no signed image for {OTHER}", "unitool sign"),
    ("pack --follows x", 2, "--follows x: version 'x' is not", "--follows 1.2.0:1.4.3"),
    ("pack --follows 2.0:1.0", 2, "2.0.0 is above 1.0.0", "--follows 1.2.0:1.4.3"),
    (f"pack --name {'n' * 200}", 2, "--name of 200 bytes, at most 128", "shorter"),
    ("pack --boot-min 4294967296", 2, "is not in the range", "--help"),
    ("pack --key keys/image.pub.pem", 1, "holds a public key", "name image.pem instead"),
    (f"pack -o {SIGNED}/x", 1, f"{SIGNED}: File exists", "another place"),
    ("pack -o /proc/x.uota", 1, "/proc/x.uota: No such file or directory", "look at the path"),
    ("pack -o lab", 2, "'lab' is a directory", "--help"),
    # boards
    ("flash", 2, "Missing option '-b'", "--help"),
    (f"flash -b {OTHER}", 2, f"build/{OTHER}/desk.signed.bin is missing", "unitool sign -b"),
    (f"flash -b {BOARD} --image random.bin", 1, "cannot run here: no image", "unitool sign"),
    (f"flash -b {BOARD} --image changed.bin", 1, "digest does not match", "unitool sign"),
    (f"flash -b {BOARD} --image cut.bin --force", 1, "the image is cut short", "again"),
    (f"flash -b {BOARD} --state main.c", 2, "'main.c' is a file", "--help"),
    (f"flash -b {BOARD} --state /proc/x", 1, "/proc/x: No such file", "look at the path"),
    (f"provision -b {BOARD} --token xyz", 2, "32 hexadecimal digits", "unitool device token"),
    (f"provision -b {BOARD} --policy install", 2, "verifies at every start", "--policy always"),
    (f"provision -b {BOARD} --floor 4294967296", 2, "is not in the range", "--help"),
    (f"provision -b {BOARD} --server é", 2, "'é' is not http://HOST:PORT", "http://10.0.2.2:8080"),
    (
        f"provision -b {BOARD} --server https://x",
        2,
        "is not http://HOST:PORT",
        "http://10.0.2.2:8080",
    ),
    (
        f"provision -b {BOARD} --server http://x:99999",
        2,
        "is not http://HOST:PORT",
        "http://10.0.2.2:8080",
    ),
    (f"run -b {BOARD} --no-build --expect x", 1, "has no bootloader", "unitool run builds"),
    (f"run -b {BOARD} --expect (", 2, "'(' is no regular expression", r"'ready \(1\)'"),
    (f"run -b {BOARD} --forward 99999", 2, "99999 is not in the range", "--help"),
    (f"run -b {BOARD} --gdb --gdb-port 65536", 2, "65536 is not in the range", "--help"),
    (f"run -b {BOARD} --counter 4294967296", 2, "is not in the range", "--help"),
    (f"monitor -b {BOARD} --no-reconnect", 1, "it does not run", f"unitool run -b {BOARD}"),
    ("monitor -p nope --no-reconnect", 1, "cannot open nope: No such file", "plug it in"),
    ("monitor -p foo://x --no-reconnect", 2, "protocol 'foo' not known", "socket://HOST:PORT"),
    ("monitor -p loop:// --baud 0", 2, "0 is not in the range", "--help"),
    (f"monitor -b {BOARD} --log nope/x", 1, "nope/x: No such file", "look at the path"),
    # the server
    ("serve --data /proc/x", 1, "the data folder /proc/x: No such file", "--data DIR"),
    ("serve --data main.c", 2, "'main.c' is a file", "--help"),
    (
        f"serve --data blobs-is-file {_ANY_PORT}",
        1,
        "blobs-is-file/blobs/unfinished",
        "another place",
    ),
    (f"serve --data not-a-database {_ANY_PORT}", 1, "server.db: file is not a database", "backup"),
    (
        f"serve --data sd-keys --keys keys-broken {_ANY_PORT}",
        1,
        "server.pem is not a readable",
        "backup",
    ),
    ("serve --listen nowhere", 2, "'nowhere' is not HOST:PORT", "0.0.0.0:8080"),
    ("serve --listen 127.0.0.1:99999", 2, "is not HOST:PORT", "0.0.0.0:8080"),
    ("serve --data sd --listen nowhere.invalid:80", 1, "nowhere.invalid:80: ", "--listen"),
    ("emulate -b nope", 2, "no board is called 'nope'", "--boards-dir"),
    (f"emulate -b {BOARD} --off", 1, f"no {BOARD} is on in", "unitool devices"),
    (f"emulate -b {BOARD} --detach --off", 2, "exclude each other", "choose one"),
    (f"emulate -b {BOARD} -f 0", 2, "0 is not in the range", "--help"),
    ("device list", 1, "no server has run in unitool-server", "unitool serve"),
    ("device list --server http://127.0.0.1:9", 1, "no unitool-server/operator.token", "--data"),
    ("device list --data wrong-token --server http://127.0.0.1:9", 1, "no server answers", "serve"),
    ("device list --data wrong-token --server x", 1, "talking to x failed", "http://HOST:PORT"),
    ("device add nope --data wrong-token", 2, "neither a device id nor", "--list FILE"),
    ("device add random.bin --data wrong-token", 2, "neither a device id nor", "--list FILE"),
    ("device add main.c --data wrong-token", 2, "main.c:1: ", "32 hexadecimal"),
    ("device token xyz --data wrong-token", 2, "'xyz' is not a device id", "unitool provision"),
    ("publish nope", 2, "'nope' does not exist", "--help"),
    (f"publish {BUNDLE} --data nowhere", 1, "no server has run in nowhere", "--data DIR"),
    ("rollout status x", 2, "'x' is not a valid integer", "--help"),
    ("nope", 2, "No such command 'nope'", "--help"),
]


@pytest.mark.parametrize(("words", "code", "says", "hint"), BAD, ids=[bad[0] for bad in BAD])
def test_bad_input(
    words: str, code: int, says: str, hint: str, call: Callable[..., tuple[int, str]], desk: Path
) -> None:
    before = _state(desk / "keys") | {SIGNED: (desk / SIGNED).read_bytes()}
    left, text = call(*words.split())
    _complaint(text, words)
    assert says in text
    assert hint in text
    assert left == code
    assert _state(desk / "keys") | {SIGNED: (desk / SIGNED).read_bytes()} == before


def test_every_command_is_given_something_bad() -> None:
    tried = {words.split()[0] for words, *_ in BAD}
    fine = {"boards", "devices", "doctor"}  # no more than a folder of boards, and switches
    assert set(cli.command.list_commands(None)) - fine == tried - {"nope"}  # type: ignore[arg-type]


def test_damaged_keyset_is_named(call: Callable[..., tuple[int, str]], desk: Path) -> None:
    keyset = desk / "keys" / "keyset.cose"
    whole = keyset.read_bytes()
    keyset.write_bytes(whole[:80])
    try:
        for words in ("keygen --renew-keyset", f"provision -b {BOARD}", f"verify {SIGNED}"):
            code, text = call(*words.split())
            assert (code, "keys/keyset.cose: CBOR" in text, "backup" in text) == (1, True, True)
    finally:
        keyset.write_bytes(whole)


def test_refused_url_makes_no_keyset(call: Callable[..., tuple[int, str]], desk: Path) -> None:
    code, _ = call("keygen", "--renew-keyset", "--url", "http://" + "x" * 130)
    assert code == 2
    assert keys.KeyFolder(desk / "keys").keyset().epoch == 1


class _Somebody(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None: ...


def test_devices_port_is_not_the_operators(call: Callable[..., tuple[int, str]]) -> None:
    with HTTPServer(("127.0.0.1", 0), _Somebody) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.handle_request, daemon=True).start()
        code, text = call("device", "list", "--data", "wrong-token", "--server", url)
    assert code == 1
    assert f"{url} answered 404" in text
    assert "devices have another port" in text


def test_revisions_to_compare_with(call: Callable[..., tuple[int, str]], desk: Path) -> None:
    def git(*words: str) -> None:
        name = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *name, *words], cwd=desk, check=True, capture_output=True)

    def refused(revision: str) -> tuple[str, int]:
        code, text = call("size", "--diff", revision, "-b", BOARD)
        return text, code

    git("init")
    try:
        text, code = refused("HEAD")
        assert (code, "there is none yet: git add" in text) == (2, True)
        git("add", "main.c")
        git("commit", "-m", "x")
        text, code = refused("nope")
        assert (code, f"git -C {desk} log --oneline" in text) == (2, True)
    finally:
        shutil.rmtree(desk / ".git")


# -- a disk that takes nothing more


def _without_room(*words: object, cwd: Path, room: int = 0) -> subprocess.CompletedProcess[str]:
    """Run where no file may grow beyond `room` bytes."""
    return subprocess.run(
        [UNITOOL, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("new {tmp}/fresh", "{tmp}/fresh/.clangd"),
        ("keygen --vendor example.com {tmp}", "{tmp}/keys"),
        ("pack -o {tmp}/x.uota", "{tmp}/x.uota"),
        ("flash -b mps2-an385 --state {tmp}/state", "{tmp}/state"),
    ],
)
def test_full_disk_is_named_and_keeps_no_half(
    words: str, named: str, desk: Path, tmp_path: Path
) -> None:
    done = _without_room(*words.format(tmp=tmp_path).split(), cwd=desk)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {named.format(tmp=tmp_path)}: File too large\n  hint: ")
    kept = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert kept == []
    assert not (tmp_path / "fresh").exists()


@pytest.mark.parametrize("step", ["compile", "link"])
def test_full_disk_in_the_compiler_is_no_fault_of_the_source(
    step: str, desk: Path, tmp_path: Path
) -> None:
    fake = tmp_path / "arm-none-eabi-gcc"
    only = {"compile": "*", "link": "*whole.elf*"}[step]
    fake.write_text(
        f"""#!/bin/sh
case "$*" in {only}) echo "error writing to /tmp/x.s: No space left on device" >&2; exit 1;; esac
exec {shutil.which(fake.name)} "$@"
"""
    )
    fake.chmod(0o755)
    done = subprocess.run(
        [UNITOOL, "build", "-b", BOARD, "--out", str(tmp_path / "out")],
        cwd=desk,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": "/var/tmp"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"error: no space left on the disk to {step} desk\n" in done.stderr
    assert "in /var/tmp; the variable TMPDIR" in done.stderr


def test_full_disk_in_ninja_is_heard() -> None:
    said = "ninja: fatal: write(.ninja_log): No space left on device\n"
    heard = compiling._follow("desk", [said, "ninja: build stopped: subcommand failed.\n"])
    assert heard == [said]
    error = toolchain.disk_full("compile desk", "\n".join(heard))
    assert error is not None and "no space left" in error.message
