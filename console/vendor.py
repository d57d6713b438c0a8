"""Fetches what the pages take from others into ``static/vendor``: ``python -m console.vendor``.

Packages come through npm, from the registry that npm itself is configured for; nothing of npm is needed to run or to
deploy the product. ``console/versions.txt`` pins what is taken, ``console/icons.txt`` names the icons. After adding an
icon run it again: it fetches, unpacks and writes all files anew, and ``static/vendor/VERSIONS.txt`` says what they are.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
TESTS = ROOT / "tests" / "console" / "vendored"
PINNED = Path(__file__).with_name("versions.txt")
ICONS = Path(__file__).with_name("icons.txt")

FILES: dict[str, tuple[tuple[str, Path], ...]] = {
    "@tabler/core": (("dist/css/tabler.min.css", VENDOR / "tabler.css"),),
    "htmx.org": (("dist/htmx.min.js", VENDOR / "htmx.js"), ("LICENSE", VENDOR / "LICENSE.htmx.txt")),
    "idiomorph": (
        ("dist/idiomorph-ext.min.js", VENDOR / "idiomorph.js"),
        ("LICENSE", VENDOR / "LICENSE.idiomorph.txt"),
    ),
    "uplot": (
        ("dist/uPlot.esm.js", VENDOR / "uplot.js"),
        ("dist/uPlot.min.css", VENDOR / "uplot.css"),
        ("LICENSE", VENDOR / "LICENSE.uplot.txt"),
    ),
    "@tabler/icons": (("LICENSE", VENDOR / "LICENSE.tabler.txt"),),
    "@fontsource-variable/inter": (
        ("files/inter-latin-wght-normal.woff2", VENDOR / "inter-latin.woff2"),
        ("files/inter-latin-ext-wght-normal.woff2", VENDOR / "inter-latin-ext.woff2"),
        ("LICENSE", VENDOR / "LICENSE.inter.txt"),
    ),
    "axe-core": (("axe.min.js", TESTS / "axe.js"), ("LICENSE", TESTS / "LICENSE.axe.txt")),
}
"""Package → the files taken from it, and where they go."""

_SOURCE_MAP = re.compile(r"\n?(?:/\*|//)# sourceMappingURL=\S+(?: ?\*/)?\s*$")


def icon_names() -> list[str]:
    """The icons that pages may use, sorted."""
    return sorted(set(ICONS.read_text(encoding="utf-8").split()))


def pinned() -> dict[str, str]:
    """Package → version."""
    lines = PINNED.read_text(encoding="utf-8").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line.strip())


def fetch(name: str, version: str, into: Path) -> Path:
    """The unpacked folder of a package.

    Raises:
        subprocess.CalledProcessError: npm could not fetch it.
    """
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to fetch packages.")
    place = into / name.replace("/", "_")
    place.mkdir()
    subprocess.run(  # noqa: S603 - the name and the version are ours
        [npm, "pack", "--silent", "--pack-destination", str(place), f"{name}@{version}"], check=True, cwd=place
    )
    with tarfile.open(next(place.glob("*.tgz"))) as archive:
        archive.extractall(place, filter="data")
    return place / "package"


def take(source: Path, target: Path) -> None:
    """Copy one file; a text without the pointer to a source map that is not taken with it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".woff2":
        shutil.copyfile(source, target)
        return
    text = _SOURCE_MAP.sub("\n", source.read_text(encoding="utf-8"))
    target.write_text(text, encoding="utf-8")


def sprite(folder: Path) -> str:
    """All icons as symbols of one SVG file, each under its name.

    Raises:
        SystemExit: an icon of the list does not exist.
    """
    symbols = []
    for name in icon_names():
        path = folder / "icons" / "outline" / f"{name}.svg"
        if not path.is_file():
            sys.exit(f"There is no icon {name!r}.")
        inner = re.sub(r"<!--.*?-->|</?svg[^>]*>|<path stroke=\"none\"[^>]*/>", "", path.read_text(encoding="utf-8"))
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(inner.split())}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def main() -> None:
    """Write everything anew."""
    versions, taken = pinned(), []
    with tempfile.TemporaryDirectory() as temporary:
        for name, files in FILES.items():
            folder = fetch(name, versions[name], Path(temporary))
            for inside, target in files:
                take(folder / inside, target)
            if name == "@tabler/icons":
                (VENDOR / "icons.svg").write_text(sprite(folder), encoding="utf-8")
            taken.append(f"{name} {versions[name]}")
    lines = [*taken, ""]
    for path in sorted(p for p in VENDOR.iterdir() if p.name != "VERSIONS.txt"):
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    (VENDOR / "VERSIONS.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
