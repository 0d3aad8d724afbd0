"""The wheel is this channelshim, whole; tests/docs/test_deploy_howto.py installs it."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile

import channelshim
from channelshim.deploy.wheel import make_wheel, wheel_name
from tests.lanes import ROOT


def test_wheel_has_every_file_and_its_record() -> None:
    with zipfile.ZipFile(io.BytesIO(make_wheel())) as archive:
        names = archive.namelist()
        info = f"channelshim-{channelshim.__version__}.dist-info"
        lines = archive.read(f"{info}/RECORD").decode().splitlines()
        records = dict(line.split(",", 1) for line in lines)
        assert list(records) == names
        for name in names:
            if records[name] == ",":
                continue
            digest = hashlib.sha256(archive.read(name)).digest()
            shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            assert records[name].startswith(f"sha256={shown},")
        assert f"Version: {channelshim.__version__}\n" in (
            archive.read(f"{info}/METADATA").decode()
        )
    own = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "channelshim").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert own <= set(names)
    assert not [name for name in names if name.endswith(".pyc")]


def test_name_says_the_version_and_that_any_python_3_takes_it() -> None:
    assert wheel_name() == f"channelshim-{channelshim.__version__}-py3-none-any.whl"
