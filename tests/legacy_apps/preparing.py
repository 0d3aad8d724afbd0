"""An app's folder, copied and made ready for one of the two servers."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

HERE = Path(__file__).parent

REFUSED = "# 1.9.88 refuses this"
"""Lines of app.yaml that Google's last SDK stops at; older servers took them."""

ORIGINAL_NEEDS = HERE / "original_needs"
"""Files that an app of the first runtime relies on and the last SDK lacks, by app."""

LINKS = "links.txt"
"""Symbolic links that an app's authors had: `link -> target` lines, made here because
not every disk that holds the repository has them."""

PACKED = "packed"
"""A folder that goes into `libs.zip`, so that its source can be read here."""


def prepare(name: str, folder: Path, *, for_original: bool) -> Path:
    """Return a copy of an app, ready to be served.

    Args:
        name: of the app's folder beside this file.
        folder: where the copy goes.
        for_original: whether Google's server is to serve it.
    """
    app = folder / name
    shutil.copytree(HERE / name, app, ignore=shutil.ignore_patterns("*.pyc"))
    if (app / LINKS).is_file():
        for line in (app / LINKS).read_text().splitlines():
            link, _, target = line.partition(" -> ")
            (app / link).symlink_to(target)
        (app / LINKS).unlink()
    if (app / PACKED).is_dir():
        _zip(app / PACKED, app / "libs.zip")
        shutil.rmtree(app / PACKED)
    if for_original:
        text = (app / "app.yaml").read_text()
        kept = [line for line in text.splitlines() if not line.endswith(REFUSED)]
        (app / "app.yaml").write_text("\n".join(kept) + "\n")
        if (ORIGINAL_NEEDS / name).is_dir():
            shutil.copytree(ORIGINAL_NEEDS / name, app, dirs_exist_ok=True)
    return app


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
