"""What a script's standard input gives, by what the script is written in."""

from __future__ import annotations

import sys
from pathlib import Path

from channelshim.appserver.dialects import PYTHON3
from tests.python27.app import App

BODY = b"a=\xc3\xa9\xff\nb"


def test_python3_reads_text_and_loses_nothing() -> None:
    stdin = PYTHON3.script_input(BODY, {})
    text = stdin.read()
    assert text.encode("utf-8", "surrogateescape") == BODY
    assert stdin.buffer.seek(0) == 0


PRINT = """
    import sys
    print repr(sys.stdin.readline()), repr(sys.stdin.read(1)), repr(sys.stdin.read())
    print sys.stdin.mode, [line for line in sys.stdin]
"""

DRIVER = f"""
from channelshim.appserver import streams
from channelshim.appserver.dialects import Python27
dialect = Python27(importer)
for name in ('main.py', 'new.py'):
    source = open('app/' + name, 'rb').read()
    code, names = dialect.compile(source, 'app/' + name)
    output = streams.give(dialect.script_input({BODY!r}, names))
    exec(code, dict(names))
    written = output.bytes()
    sys.__stdout__.write(written.decode())
"""


def test_python27_reads_strings(tmp_path: Path) -> None:
    app = App(tmp_path)
    new = "# channelshim: python3\nimport sys\nprint(ascii(sys.stdin.read()))\n"
    app.write({"main.py": PRINT, "new.py": new})
    assert app.run(DRIVER).splitlines() == [
        r"'a=\xc3\xa9\xff\n' 'b' ''",
        "r []",
        r"'a=\xe9\udcff\nb'",
    ], sys.version
