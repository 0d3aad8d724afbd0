"""Build the wheel and the source package of HEAD, the same bytes each time.

`scripts/packages OUT_DIR` calls it. Times come from the commit, modes and order are
fixed, owners are left out, and the tools are those of .venv, which constraints.txt
pins. setuptools gives a wheel so by itself once SOURCE_DATE_EPOCH is set; a source
package is packed again here.

The registry of packages shows README.md, but no other file of the repository, so that
links to those would lead nowhere. Where SITE_SOURCE_URL says where the files are
(https://HOST/REPOSITORY/blob/BRANCH), the links lead there and the package names that
address; else they become plain text.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_IMAGE = re.compile(r"^!\[[^\]]*\]\((?![a-z]+:)[^)]*\)\n+", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?![a-z]+:)([^)\s]+)\)")
_PAGES = "## Documentation\n"
_NO_PAGES = """\
## Documentation

The source package has all pages, in its folder `docs/`; `docs/index.md` is the first.
"""


def package_readme(text: str, source_url: str) -> str:
    """Return README.md as it reads where the repository's other files are not.

    Args:
        text: README.md, whose last section lists the pages.
        source_url: where the repository's files are; "" for nowhere.
    """
    text = _IMAGE.sub("", text)
    if source_url:
        return _LINK.sub(rf"[\1]({source_url}/\2)", text)
    head, found, _ = text.partition(_PAGES)
    return _LINK.sub(r"\1", head) + (_NO_PAGES if found else "")


def with_addresses(pyproject: str, source_url: str) -> str:
    """Return pyproject.toml with the addresses that a package's page shows."""
    if not source_url:
        return pyproject
    head, table, rest = pyproject.partition("[project.scripts]\n")
    addresses = (
        "[project.urls]\n"
        f'Documentation = "{source_url}/docs/index.md"\n'
        f'Changelog = "{source_url}/CHANGELOG.md"\n'
        f'Source = "{source_url}"\n\n'
    )
    return head + addresses + table + rest


def pack_again(archive: Path, seconds: int) -> None:
    """Write a .tar.gz anew: entries in order, one time, no owners, plain modes.

    Args:
        archive: is replaced.
        seconds: the Unix time that everything in it gets.
    """
    packed = io.BytesIO()
    with (
        tarfile.open(archive) as source,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for entry in sorted(source.getmembers(), key=lambda entry: entry.name):
            is_program = entry.isdir() or bool(entry.mode & 0o100)
            entry.mode = 0o755 if is_program else 0o644
            entry.mtime = seconds
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            # Fractions of seconds, and what else does not fit into the old header.
            entry.pax_headers = {}
            target.addfile(entry, source.extractfile(entry))
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=seconds) as stream,
    ):
        stream.write(packed.getvalue())


def export(folder: Path, source_url: str) -> None:
    """Copy what HEAD has into a folder, two files of it as packages want them."""
    command = ["git", "-c", "tar.umask=0022", "archive", "HEAD"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    with tarfile.open(fileobj=io.BytesIO(run.stdout)) as archive:
        archive.extractall(folder, filter="data")
    readme, pyproject = folder / "README.md", folder / "pyproject.toml"
    readme.write_text(package_readme(readme.read_text("utf-8"), source_url), "utf-8")
    pyproject.write_text(
        with_addresses(pyproject.read_text("utf-8"), source_url), "utf-8"
    )


def build(out: Path, source_url: str) -> list[Path]:
    """Build both packages of HEAD into a folder and return their paths."""
    command = ["git", "log", "-1", "--format=%ct"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    seconds = int(run.stdout)
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as work:
        tree, built = Path(work, "channelshim"), Path(work, "built")
        tree.mkdir()
        export(tree, source_url)
        # The wheel is built from the source package, so that nothing is missing there.
        command = [sys.executable, "-m", "build", "--no-isolation"]
        run = subprocess.run(
            [*command, "--outdir", str(built), str(tree)],
            cwd=work,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if run.returncode:
            raise SystemExit(run.stdout.decode("utf-8", "replace"))
        (archive,) = built.glob("*.tar.gz")
        pack_again(archive, seconds)
        out.mkdir(parents=True, exist_ok=True)
        paths = []
        for path in sorted(built.iterdir()):
            paths.append(out / path.name)
            paths[-1].write_bytes(path.read_bytes())
        return paths


def main() -> int:
    """Build into the folder named on the command line; print each file's sum."""
    if len(sys.argv) != 2:
        print("usage: scripts/packages OUT_DIR", file=sys.stderr)
        return 2
    source_url = os.environ.get("SITE_SOURCE_URL", "").rstrip("/")
    for path in build(Path(sys.argv[1]).resolve(), source_url):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), "", path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
