"""A debugger stops in the app's own lines, and shows them."""

from __future__ import annotations

from pathlib import Path

from tests.python27.app import App


def test_pdb_breaks_and_steps_in_the_source_as_it_is_written(tmp_path: Path) -> None:
    app = App(tmp_path)
    app.write(
        {
            "main.py": """
                def half((a, b)):
                    print 'in half'
                    x = a / b
                    return x
            """
        }
    )
    code = """
        import io, pdb
        main = import_app('main')
        shown = io.StringIO()
        debugger = pdb.Pdb(
            stdin=io.StringIO('c\\np a, b\\nn\\nn\\np x\\nlist\\nc\\n'),
            stdout=shown, nosigint=True, readrc=False)
        debugger.set_break(main.__file__, 3)
        debugger.runcall(main.half, (7, 2))
        print(shown.getvalue())
    """
    output = app.run(code)
    assert "main.py(3)half()" in output
    assert "(7, 2)" in output
    assert "x = a / b" in output
    assert "in half" in output


MAIN = """\
import logging, sys, traceback, StringIO
def load():
    import broken
def compare():
    return sorted([1, 2], key=lambda n: [n].items())
for function in load, compare:
    try:
        function()
    except Exception:
        print traceback.format_exc(),
        kind, error, trace = sys.exc_info()
        print traceback.extract_tb(trace)[1:]
        text = StringIO.StringIO()
        traceback.print_exception(kind, error, trace, file=text)
        print text.getvalue() == traceback.format_exc()
        logging.basicConfig(stream=sys.stdout)
        logging.exception('logged')
print traceback.format_exception_only(KeyError, KeyError('k'))
print traceback.format_exception_only(None, None)
print traceback.extract_stack()[-1][1:]
"""

SHOWN = """\
Traceback (most recent call last):
  File "{folder}/main.py", line 8, in <module>
    function()
  File "{folder}/main.py", line 3, in load
    import broken
  File "{folder}/broken.py", line 3, in <module>
    raise Error, 'bad'
Error: bad
[('{folder}/main.py', 3, 'load', 'import broken'), \
('{folder}/broken.py', 3, '<module>', "raise Error, 'bad'")]
True
"""


def test_tracebacks_of_an_app_are_those_of_27(tmp_path: Path) -> None:
    app = App(tmp_path)
    broken = "class Error(Exception): pass\n\nraise Error, 'bad'\n"
    app.write({"main.py": MAIN, "broken.py": broken})
    output = app.run()
    assert output.startswith(SHOWN.format(folder=app.folder))
    assert "ERROR:root:logged\nTraceback (most recent call last):\n" in output
    assert "channelshim" not in output
    assert "importlib" not in output
    assert "AttributeError: 'list' object has no attribute 'items'\n" in output
    assert output.endswith(
        "[\"KeyError: 'k'\\n\"]\n['None\\n']\n"
        "(20, '<module>', 'print traceback.extract_stack()[-1][1:]')\n"
    )
