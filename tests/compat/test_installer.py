"""One installer, the same under each door."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import ROOT

REPORT = """
import json, sys
from channelshim import compat
def report(*_):
    import unittest, mock
    from google.appengine.api import background_thread, memcache
    from google.appengine.datastore import datastore_rpc
    from google.appengine.ext import blobstore, db, ndb, testbed
    from google.appengine.ext.ndb import context
    print("REPORT" + json.dumps({
        "patches": [[each.module, each.why] for each in compat.installed()],
        "read_only": "read_only" in context.TransactionOptions._options,
        "expando": ndb.model.GenericProperty._db_get_value.__module__,
        "iterator": ndb.QueryIterator.__name__,
        "thread": background_thread.BackgroundThread.__module__,
        "upload": blobstore.blobstore._parse_upload_info.__module__,
        "stub": testbed.Testbed.init_channel_stub.__module__,
        "assertion": hasattr(unittest.TestCase, "assertItemsEqual"),
        "server": [name for name in ("httptools", "uvloop")
                   if name in sys.modules],
    }))
"""

DOORS = {
    "install": "import channelshim; channelshim.install(storage_path='data'); report()",
    "wrap": "import channelshim; channelshim.wrap(report, storage_path='data');"
    " report()",
    "serve": """
import channelshim
from channelshim.server import serve
serve.Server.run = report
channelshim.serve(lambda environ, start: [], port=0, storage_path="data")
""",
    "unittest": "from channelshim.cli import testing; testing.install(); report()",
    "pytest": """
import sys
from pathlib import Path
Path("test_one.py").write_text(
    "from door import report\\ndef test_one():\\n    report()\\n"
)
from channelshim.cli import testing
sys.exit(testing.main(["pytest", "-q", "-s", "-p", "no:cacheprovider", "test_one.py"]))
""",
}


def _report(door: str, folder: Path) -> dict[str, object]:
    program = folder / "door.py"
    program.write_text(
        f"{REPORT}\nif __name__ == '__main__':\n" + _indented(DOORS[door])
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(program)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in run.stdout.splitlines() if "REPORT" in line]
    assert len(lines) == 1, run.stdout + run.stderr
    found: dict[str, object] = json.loads(lines[0].partition("REPORT")[2])
    return found


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


@pytest.mark.served
@pytest.mark.parametrize("door", sorted(set(DOORS) - {"serve"}))
def test_every_door_installs_the_same(door: str, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    reference = tmp_path / "serve"
    for folder in (ours, reference):
        folder.mkdir()
    found, expected = _report(door, ours), _report("serve", reference)
    found.pop("server")
    assert expected.pop("server") == ["httptools"]
    assert found == expected
    patches = expected["patches"]
    assert isinstance(patches, list)
    assert len(patches) > 20


@pytest.mark.served
@pytest.mark.parametrize("door", ["install", "pytest", "unittest", "wrap"])
def test_only_serving_imports_a_server(door: str, tmp_path: Path) -> None:
    assert _report(door, tmp_path)["server"] == []
