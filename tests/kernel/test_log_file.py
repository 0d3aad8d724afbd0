"""A log file that is renamed, deleted, cut short or cannot be opened again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import timeout_factor

PROGRAM = """\
import os
import sys
from pathlib import Path
from channelshim.kernel.log_file import LogFile

path = Path(sys.argv[1])
log = LogFile(str(path))

def write(text):
    os.write(2, text.encode() + b"\\n")

{body}
"""


def run(path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the log file; descriptor 2 is the whole process's."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body), str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * timeout_factor(),
    )


def test_no_line_is_lost_however_the_file_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    body = """
write("first")
assert not log.follow()
path.rename(path.with_name("log.1"))
write("to the renamed one")
assert log.follow()
write("to the new one")
# As logrotate does with copytruncate.
path.with_name("log.2").write_bytes(path.read_bytes())
os.truncate(path, 0)
assert not log.follow()
write("behind the cut")
path.unlink()
write("to nobody")
assert log.follow()
os.system("echo by a program >&2")
sys.stderr.write("by Python\\n")
log.put_back()
write("at the terminal")
"""
    done = run(path, body)
    assert (done.returncode, done.stderr) == (0, "at the terminal\n")
    assert path.read_text() == "by a program\nby Python\n"
    assert (tmp_path / "log.1").read_text() == "before\nfirst\nto the renamed one\n"
    assert (tmp_path / "log.2").read_text() == "to the new one\n"
    assert path.stat().st_mode & 0o777 == 0o640 & ~os_umask()


def os_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_lines_go_on_where_they_went_while_the_name_cannot_be_opened(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    body = """
path.parent.rename(path.parent.with_name("gone"))
for _ in range(3):
    assert not log.follow()
write("on")
"""
    assert run(folder / "log", body).returncode == 0
    text = (tmp_path / "gone" / "log").read_text()
    assert text.count("cannot be opened again") == 1
    assert text.endswith("on\n")


def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path / "no" / "log", "")
    assert "ConfigurationError: log_file" in done.stderr
    assert "cannot be written: No such file or directory" in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with descriptors")
def test_a_closed_standard_error_becomes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    text = PROGRAM.format(body='write("x")\nlog.put_back()')
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" "$2" 2>&- <&-', sys.executable, text, path],
        check=False,
        timeout=60 * timeout_factor(),
    )
    assert done.returncode == 0
    assert path.read_text() == "x\n"
