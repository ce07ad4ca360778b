"""Third-party C sources: pinned by SHA-256, fetched once, from the distribution first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from unitool import output, paths
from unitool.errors import SetupError

_PROVENANCE = ".unitool-source.json"
_TEXT_SUFFIXES = {".c", ".h", ".S", ".txt", ".md", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One pinned library."""

    name: str
    version: str
    licence: str
    marker: str
    debian_package: str
    debian_suite: str
    debian_sha256: str
    upstream_url: str
    upstream_sha256: str

    @property
    def folder(self) -> Path:
        """Where it lies in the cache once fetched."""
        return paths.cache() / "src" / f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a fetched source came from."""

    origin: str  # "debian" or "upstream"
    version: str  # the distribution's version, with its patch level, or upstream's

    @property
    def patched(self) -> bool:
        """Whether the distribution's security patches are applied."""
        return self.origin == "debian"


def pinned() -> dict[str, Source]:
    """Return the sources that third_party.toml lists, by name."""
    with (paths.checkout() / "third_party.toml").open("rb") as file:
        data = tomllib.load(file)
    return {name: _source(name, entry) for name, entry in data.items()}


def _source(name: str, entry: dict[str, Any]) -> Source:
    return Source(
        name=name,
        version=entry["version"],
        licence=entry["licence"],
        marker=entry["marker"],
        debian_package=entry["debian"]["package"],
        debian_suite=entry["debian"]["suite"],
        debian_sha256=entry["debian"]["sha256"],
        upstream_url=entry["upstream"]["url"],
        upstream_sha256=entry["upstream"]["sha256"],
    )


def provenance(source: Source) -> Provenance | None:
    """Return where `source` came from, or None if it is not in the cache."""
    try:
        facts = json.loads((source.folder / _PROVENANCE).read_text())
    except FileNotFoundError:
        return None
    return Provenance(origin=facts["origin"], version=facts["version"])


def source_dir(name: str) -> Path:
    """Return the folder of a pinned source, fetching it if the cache lacks it."""
    source = pinned().get(name)
    if source is None:
        raise SetupError(f"no third-party source is called {name!r}", "see third_party.toml")
    if provenance(source) is None:
        fetch(source)
    return source.folder


def fetch(source: Source) -> Provenance:
    """Fetch `source` into the cache: the distribution's package first, then the project's archive.

    Raises SetupError saying why neither worked. An interrupted fetch leaves nothing behind.
    """
    source.folder.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for attempt in (_from_debian, _from_upstream):
        with tempfile.TemporaryDirectory(dir=source.folder.parent, prefix=".fetch-") as scratch:
            try:
                tree, found = attempt(source, Path(scratch))
            except SetupError as error:
                reasons.append(error.message)
                continue
            _install(source, tree, found)
            return found
    raise SetupError(
        f"cannot get {source.name} {source.version}: " + "; ".join(reasons),
        "connect to the network once and run `unitool doctor --fetch`; later runs need none",
    )


def _install(source: Source, tree: Path, found: Provenance) -> None:
    if not (tree / source.marker).is_file():
        raise SetupError(
            f"{source.name} {source.version} from {found.origin} has no {source.marker}",
            "report this: the archive is not laid out as expected",
        )
    facts = {"origin": found.origin, "version": found.version}
    (tree / _PROVENANCE).write_text(json.dumps(facts) + "\n")
    if source.folder.exists():
        shutil.rmtree(source.folder)
    with contextlib.suppress(OSError):  # another process was quicker: its tree is as good
        tree.rename(source.folder)
    how = "with the distribution's patches" if found.patched else "unpatched, from upstream"
    output.say(f"fetched {source.name} {found.version} ({how})")


def _from_debian(source: Source, scratch: Path) -> tuple[Path, Provenance]:
    if shutil.which("apt-get") is None or shutil.which("dpkg-source") is None:
        raise SetupError(
            "no apt-get or dpkg-source here for the distribution's package",
            "sudo apt-get install dpkg-dev",
        )
    options = _apt_options(source.debian_suite, scratch)
    output.say(f"fetching {source.name} {source.version} from {source.debian_suite} ...")
    _apt([*options, "update"], scratch, "its package lists cannot be fetched")
    _apt(
        [*options, "source", "--download-only", source.debian_package],
        scratch,
        f"{source.debian_suite} has no source package {source.debian_package}",
    )
    originals = list(scratch.glob("*.orig.tar.*"))
    sums = {_sha256(path) for path in originals if not path.name.endswith(".asc")}
    if source.debian_sha256 not in sums:
        raise SetupError(
            f"{source.debian_package} in {source.debian_suite} is not the pinned {source.version} "
            f"(SHA-256 {', '.join(sorted(sums)) or 'of nothing'})",
            "third_party.toml has the pinned versions and their sums",
        )
    description = next(scratch.glob("*.dsc"))
    tree = scratch / "tree"
    output.run(["dpkg-source", "--no-check", "-x", description, tree], cwd=scratch)
    version = next(
        line.split(":", 1)[1].strip()
        for line in description.read_text().splitlines()
        if line.startswith("Version:")
    )
    return tree, Provenance(origin="debian", version=version)


def _apt_options(suite: str, scratch: Path) -> list[str]:
    """Options that make apt use lists of its own for `suite`, without root, changing nothing."""
    entries = [f"deb-src {line}" for line in _debian_mirrors(suite)]
    (scratch / "sources.list").write_text("\n".join(entries) + "\n")
    for folder in ("lists/partial", "cache/archives/partial", "empty"):
        (scratch / folder).mkdir(parents=True)
    settings = {
        "Dir::Etc::SourceList": scratch / "sources.list",
        "Dir::Etc::SourceParts": scratch / "empty",
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::PreferencesParts": scratch / "empty",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _debian_mirrors(suite: str) -> Iterator[str]:
    """Yield `URI suite component` for Debian's main archive, as this machine has it."""
    listed = output.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"],
        check=False,
    )
    seen = set()
    for line in listed.stdout.splitlines():
        uri, release, component, *origin = line.split()
        if component != "main" or "Debian" not in origin or "debian" not in uri.lower():
            continue
        base = release.removesuffix("-updates").removesuffix("-security")
        entry = f"{uri} {release.replace(base, suite)} main"
        if entry not in seen:
            seen.add(entry)
            yield entry
    if not seen:
        raise SetupError(
            "this machine's apt knows no Debian mirror",
            "the project's own archive is taken instead, if the network lets it through",
        )


def _apt(arguments: list[str], scratch: Path, complaint: str) -> None:
    try:
        output.run(["apt-get", "-q", *arguments], cwd=scratch, timeout_s=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        output.detail(str(getattr(error, "stderr", "")))
        raise SetupError(complaint, "unitool -v doctor --fetch shows what apt says") from None


def _from_upstream(source: Source, scratch: Path) -> tuple[Path, Provenance]:
    archive = scratch / source.upstream_url.rsplit("/", 1)[1]
    output.say(f"fetching {source.name} {source.version} from its project ...")
    _download(source.upstream_url, archive)
    if _sha256(archive) != source.upstream_sha256:
        raise SetupError(
            f"{source.upstream_url} has SHA-256 {_sha256(archive)}, not the pinned "
            f"{source.upstream_sha256}",
            "a proxy may have put something else there: third_party.toml has address and sum",
        )
    unpacked = scratch / "unpacked"
    unpacked.mkdir()
    if archive.suffix == ".zip":
        _unzip_text(archive, unpacked)
    else:
        with tarfile.open(archive) as tar:
            # An attribute: Debian 12's Python 3.11.2 knows neither filters nor the argument.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(unpacked)
    return next(unpacked.iterdir()), Provenance(origin="upstream", version=source.version)


def _download(url: str, to: Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=60) as response,
            to.open("wb") as file,
            tqdm(
                total=int(response.headers.get("Content-Length") or 0) or None,
                unit="B",
                unit_scale=True,
                desc=to.name,
                disable=not output.is_terminal(),
            ) as bar,
        ):
            while chunk := response.read(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))
    except (urllib.error.URLError, OSError) as error:
        raise SetupError(
            f"{url} cannot be fetched ({error})",
            "connect to the network, or name its proxy in the variable https_proxy",
        ) from None


def _unzip_text(archive: Path, to: Path) -> None:
    """Unpack with the LF line ends that the project's repository has."""
    with zipfile.ZipFile(archive) as bundle:
        for entry in bundle.infolist():
            path = Path(bundle.extract(entry, to))
            if path.is_file() and path.suffix in _TEXT_SUFFIXES:
                path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
