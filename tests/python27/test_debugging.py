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
