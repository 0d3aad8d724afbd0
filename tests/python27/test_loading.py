"""Imports of an app: its own modules, names in conflict, zips, cache, tracebacks."""

from __future__ import annotations

import os
import sysconfig
import zipfile
from pathlib import Path

import pytest

from channelshim.python27.finding import standard_folders
from tests.python27.app import App


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def test_modules_packages_and_relative_imports_of_both_kinds(app: App) -> None:
    app.write(
        {
            "main.py": """
                import pkg.sub.leaf
                from pkg import sibling, user
                print pkg.sub.leaf.NAME, sibling.NAME, user.implicit.NAME
                print user.explicit.NAME, user.other, user.string.letters
            """,
            "pkg/__init__.py": "",
            "pkg/sibling.py": "NAME = 'sibling'",
            "pkg/string.py": "letters = 'own'",
            "pkg/user.py": """
                import sibling as implicit, string
                from . import sibling as explicit
                from sub.leaf import NAME as other
            """,
            "pkg/sub/__init__.py": "",
            "pkg/sub/leaf.py": "NAME = 'leaf'",
        }
    )
    assert app.run().split() == ["leaf", *["sibling"] * 3, "leaf", "own"]


def test_absolute_import_means_absolute(app: App) -> None:
    app.write(
        {
            "main.py": "import pkg.user; print pkg.user.string.letters[:2]",
            "pkg/__init__.py": "",
            "pkg/string.py": "letters = 'own'",
            "pkg/user.py": "from __future__ import absolute_import\nimport string",
        }
    )
    assert app.run() == "ab\n"


@pytest.mark.parametrize(
    "name", ["yaml", "queue", "html", "code", "test", "string", "paste"]
)
def test_a_name_that_is_installed_too_is_private(app: App, name: str) -> None:
    app.write(
        {
            "main.py": f"import {name}\nprint {name}.__file__, {name}.WHO",
            f"{name}/__init__.py": "from part import WHO\nfrom .part import WHO",
            f"{name}/part.py": "import sys\nWHO = 'app' if 3/2 == 1 else 'no'",
        }
    )
    code = f"""
        import_app('main')
        import {name}
        assert not str({name}.__file__).startswith({str(app.folder)!r})
        import sys
        assert sys.modules[{name!r}] is {name}
        print('world', hasattr({name}, 'WHO'))
    """
    path = app.folder / name / "__init__.py"
    assert app.run(code) == f"{path} app\nworld False\n"


def test_python3_source_of_the_app_gets_its_private_modules_too(app: App) -> None:
    app.write(
        {
            "main.py": "import modern\nprint modern.who",
            "modern.py": "# channelshim: python3\nimport yaml\nwho: str = yaml.WHO\n",
            "yaml.py": "WHO = `1`",
        }
    )
    assert app.run() == "1\n"


def test_python3_source_is_left_as_it_is(app: App) -> None:
    app.python3_files = ["listed/*.py"]
    app.write(
        {
            "main.py": "import a, b, listed.c\nprint a.x, b.x, listed.c.x",
            "a.py": "async def f(): pass\nx = 3 / 2\n",
            "b.py": "# one\n# channelshim: python3\nx = 3 / 2\n",
            "listed/__init__.py": "",
            "listed/c.py": "x = 3 / 2\n",
        }
    )
    assert app.run() == "1.5 1.5 1.5\n"


def test_zips_are_read(app: App, tmp_path: Path) -> None:
    app.write(
        {
            "main.py": """
                import os, sys
                here = os.path.dirname(__file__)
                sys.path.insert(0, os.path.join(here, 'libs.zip'))
                sys.path.insert(0, os.path.join(here, 'libs.zip', 'inner'))
                import zipped.part, deep
                print zipped.part.NAME, deep.NAME
                print zipped.__loader__.get_data(
                    os.path.join(os.path.dirname(zipped.__file__), 'data.txt'))
                try:
                    zipped.part.fail()
                except ValueError:
                    import traceback
                    print traceback.format_exc().splitlines()[-2].strip()
            """
        }
    )
    with zipfile.ZipFile(app.folder / "libs.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "print 'loading'\n")
        archive.writestr(
            "zipped/part.py", "NAME = `2`\ndef fail():\n    raise ValueError, 'x'\n"
        )
        archive.writestr("zipped/data.txt", "data")
        archive.writestr("inner/deep.py", "NAME = `3`")
    output = app.run()
    assert output.split("\n")[:3] == ["loading", "2 3", "data"]
    assert output.split("\n")[3] == "raise ValueError, 'x'"


def test_symlinks_lead_to_app_code(app: App, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "linked.py").write_text("print 'linked', 3/2")
    os.symlink(outside / "linked.py", app.folder / "linked.py")
    os.symlink(app.folder, tmp_path / "other_way")
    app.write({"main.py": "import linked", "second.py": "print 'second', 3/2"})
    code = f"""
        import_app('main')
        import sys
        sys.path[0] = {str(tmp_path / "other_way")!r}
        import second
    """
    assert app.run(code) == "linked 1\nsecond 1\n"


def test_installed_packages_in_the_folder_are_not_the_apps(app: App) -> None:
    app.write(
        {
            "main.py": """
                import os, sys
                sys.path.insert(0, os.path.join(
                    os.path.dirname(__file__), 'env/lib/site-packages'))
                import modern
                print modern.x
            """,
            "env/lib/site-packages/modern.py": "x = 3 / 2\n",
        }
    )
    assert app.run() == "1.5\n"


def test_a_second_run_reads_the_cache(app: App) -> None:
    app.write({"main.py": "print 3/2, '\\xff' == chr(255)"})
    for _ in range(2):
        assert app.run() == "1 True\n"
    entries = [path for path in app.cache.glob("*/*") if path.is_file()]
    assert len(entries) == 1
    assert oct(app.cache.stat().st_mode & 0o777) == "0o700"
    code = """
        import channelshim.python27.compiling as compiling
        def refuse(*args): raise AssertionError('translated again')
        compiling.compile_file = refuse
        import_app('main')
    """
    assert app.run(code) == "1 True\n"


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "other", "writable"])
def test_an_entry_that_cannot_be_trusted_is_not_read(app: App, damage: str) -> None:
    app.write({"main.py": "print 3/2", "other.py": "print 'other'"})
    app.run("import_app('main'); import_app('other')")
    entries = sorted(path for path in app.cache.glob("*/*") if path.is_file())
    raw = [path.read_bytes() for path in entries]
    for path, content, swapped in zip(entries, raw, reversed(raw), strict=True):
        if damage == "empty":
            path.write_bytes(b"")
        elif damage == "cut":
            path.write_bytes(content[:-5])
        elif damage == "changed":
            path.write_bytes(content[:-5] + bytes(5))
        elif damage == "other":
            path.write_bytes(swapped)
        else:
            path.chmod(0o666)
    assert app.run("import_app('main'); import_app('other')") == "1\nother\n"


def test_an_app_that_has_moved_is_read_from_the_cache(app: App, tmp_path: Path) -> None:
    source = """
        def deep():
            return [each for each in (lambda: 1 / 0,)][0]()
        deep()
    """
    app.write({"main.py": source})
    app.run()
    entries = {path for path in app.cache.glob("*/*") if path.is_file()}
    (tmp_path / "other").mkdir()
    moved = App(tmp_path / "other")
    moved.cache = app.cache
    moved.write({"main.py": source})
    output = moved.run()
    assert {path for path in app.cache.glob("*/*") if path.is_file()} == entries
    for name in ("<module>", "deep", "<lambda>"):
        assert f", in {name}" in output
    assert str(moved.folder / "main.py") in output
    assert str(app.folder / "main.py") not in output


def test_a_cache_folder_of_others_is_not_used(app: App) -> None:
    app.write({"main.py": "print 3/2"})
    app.cache.mkdir()
    app.cache.chmod(0o777)
    assert app.run() == "1\n"
    assert not any(app.cache.iterdir())


def test_a_cache_that_cannot_be_written_does_no_harm(app: App) -> None:
    app.write({"main.py": "print 3/2"})
    app.cache.write_text("a file, no folder")
    assert app.run() == "1\n"


def test_old_entries_are_trimmed(tmp_path: Path) -> None:
    from channelshim.python27.caching import CodeCache

    cache = CodeCache(str(tmp_path / "cache"), days=1)
    code = compile("1", "x", "exec")
    for number in range(2):
        cache.store(cache.key(b"%d" % number), code)
    old, fresh = (cache.key(b"%d" % number) for number in range(2))
    os.utime(tmp_path / "cache" / old[:2] / old[2:], (1, 1))
    cache.trim()
    assert cache.load(old) is None
    assert cache.load(fresh) is not None


def test_a_changed_file_is_translated_again(app: App) -> None:
    app.write({"main.py": "print 3/2"})
    assert app.run() == "1\n"
    app.write({"main.py": "print 5/2"})
    assert app.run() == "2\n"


def test_errors_name_file_line_and_text(app: App) -> None:
    app.write({"main.py": "import good\n", "good.py": "x = 1\nprint 'a' 'b' c d\n"})
    code = """
        try:
            import_app('main')
        except SyntaxError as error:
            print(error.filename, error.lineno, (error.text or '').strip())
    """
    assert app.run(code) == f"{app.folder / 'good.py'} 2 print 'a' 'b' c d\n"


def test_tracebacks_show_the_apps_own_lines(app: App) -> None:
    app.write(
        {
            "main.py": """
                def deep((a, b)):
                    print 'x',
                    raise ValueError, 'bad'
                deep((1, 2))
            """
        }
    )
    output = app.run()
    assert f'File "{app.folder / "main.py"}", line 5, in <module>' in output
    assert f'File "{app.folder / "main.py"}", line 4, in deep' in output
    assert "raise ValueError, 'bad'" in output
    assert "channelshim/python27" not in output.rpartition("main.py")[2]


def test_lines_of_a_file_that_is_no_utf8_are_shown_too(app: App) -> None:
    app.write(
        {"main.py": b"# coding: latin-1\nname = u'\xe9'\nraise ValueError, '\xe9'\n"}
    )
    assert "raise ValueError, 'é'" in app.run()


def test_reload_runs_a_module_again(app: App) -> None:
    app.write(
        {
            "main.py": """
                import sys, plain, yaml
                for module in plain, yaml:
                    module.count = 5
                    assert reload(module) is module
                    print module.count, module.ran
                assert reload(sys) is sys
                sys.setdefaultencoding('utf-8')
            """,
            "plain.py": "ran = globals().get('ran', 0) + 1\ncount = 1",
            "yaml.py": "ran = globals().get('ran', 0) + 1\ncount = 2",
        }
    )
    assert app.run() == "1 2\n2 2\n"


def test_a_module_may_replace_itself_while_it_loads(app: App) -> None:
    app.write(
        {
            "main.py": "import plain, yaml\nprint plain.name, yaml.name",
            **dict.fromkeys(
                ("plain.py", "yaml.py"),
                """
                import sys
                class Other(object):
                    name = 'other ' + __name__
                sys.modules[__name__] = Other()
                """,
            ),
        }
    )
    assert app.run() == "other plain other yaml\n"


def test_pickles_find_private_classes(app: App) -> None:
    app.write(
        {
            "main.py": """
                import pickle, cPickle, yaml, plain
                for module in pickle, cPickle:
                    for protocol in 0, 1, 2:
                        for kind in yaml.Thing, plain.Thing:
                            text = module.dumps([kind(3), kind], protocol)
                            thing, found = module.loads(text)
                            assert found is kind and thing.x == 3, (kind, text)
                print 'ok'
            """,
            "yaml.py": "class Thing:\n    def __init__(self, x): self.x = x",
            "plain.py": "class Thing:\n    def __init__(self, x): self.x = x",
        }
    )
    assert app.run() == "ok\n"


def test_many_threads_import_each_module_once(app: App) -> None:
    app.write(
        {
            "main.py": """
                import threading
                done = []
                def work(n):
                    import yaml, plain.part
                    done.append((yaml.part.ran, plain.part.ran))
                threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                print len(done), set(done) == set([(1, 1)])
            """,
            **{
                f"{name}/{file}": content
                for name in ("yaml", "plain")
                for file, content in (
                    ("__init__.py", "import time; time.sleep(0.01); import part"),
                    ("part.py", "ran = globals().get('ran', 0) + 1"),
                )
            },
        }
    )
    code = """
        import threading
        main = threading.Thread(target=import_app, args=('main',))
        main.start()
        main.join()
    """
    # Threads that import wait for the module that starts them: 2.7's own deadlock,
    # unless the work begins once the module is loaded.
    source = (app.folder / "main.py").read_text()
    head, tail = source.split("threads = [")
    body = "\n    threads = [" + tail.strip("\n").replace("\n", "\n    ")
    (app.folder / "main.py").write_text(head + "def run():" + body + "\n")
    code = code.replace(
        "target=import_app, args=('main',)", "target=import_app('main').run"
    )
    assert app.run(code) == "20 True\n"


def test_the_world_sees_no_change(app: App) -> None:
    app.write(
        {
            "main.py": """
                import os, re, time, string, json, sys, urllib, yaml
                import __builtin__
                __builtin__.mine = 5
                print mine, sys.version_info[0], json.dumps({'a': chr(200)[:0]})
            """,
            "yaml.py": "",
        }
    )
    code = """
        import builtins, os, re, sys
        before = dict(vars(builtins)), dict(vars(re)), dict(vars(os))
        import_app('main')
        assert before == (dict(vars(builtins)), dict(vars(re)), dict(vars(os)))
        assert 'urllib2' not in sys.modules and '__builtin__' not in sys.modules
        assert sys.version_info[0] == 3 and 'yaml' not in sys.modules
    """
    assert app.run(code) == '5 2 {"a": ""}\n'


def test_names_set_on_a_module_reach_everybody(app: App) -> None:
    app.write({"main.py": "import time\ntime.time = lambda: 7\nprint time.time()"})
    assert app.run("import_app('main'); import time; print(time.time())") == "7\n7\n"


def test_names_of_python3_only_are_not_there(app: App) -> None:
    app.write(
        {
            "main.py": """
                for name in ('urllib.parse', 'queue', 'http.client', 'builtins',
                             'configparser', 'nothing'):
                    try:
                        __import__(name)
                    except ImportError, e:
                        print e
            """
        }
    )
    assert app.run().splitlines() == [
        f"No module named {name}"
        for name in ("parse", "queue", "client", "builtins", "configparser", "nothing")
    ]


def test_what_is_gone_says_what_to_use(app: App) -> None:
    app.write(
        {
            "main.py": """
                for name in 'Tkinter', 'compiler', 'bsddb', 'nothing':
                    try:
                        __import__(name)
                    except ImportError, e:
                        print e
            """
        }
    )
    assert app.run().splitlines() == [
        "No module named Tkinter: an app on a server has no windows",
        "No module named compiler: it compiled Python 2 syntax; use ast",
        "No module named bsddb: Berkeley DB went from Python 3; use anydbm or sqlite3",
        "No module named nothing",
    ]


def test_walking_through_packages_loads_them(app: App) -> None:
    app.write(
        {
            "main.py": """
                import pkgutil, imp, importlib, pkg
                walk = pkgutil.walk_packages(pkg.__path__, 'pkg.')
                for importer, name, ispkg in walk:
                    print name, ispkg, importer.find_module(name).load_module(name).N,
                found = imp.find_module('leaf', pkg.__path__)
                print imp.load_module('pkg.leaf', *found).N,
                print importlib.import_module('.leaf', 'pkg').N
            """,
            "pkg/__init__.py": "",
            "pkg/leaf.py": "N = 7/2",
            "pkg/sub/__init__.py": "N = 9/2",
        }
    )
    assert app.run() == "pkg.leaf False 3 pkg.sub True 4 3 3\n"


def test_ten_files_load_from_the_cache(app: App) -> None:
    lines = "\n".join(f"def f{n}(a, b): return a / b, '%s' % a" for n in range(100))
    app.write({f"part{n}.py": f"N = {n}\n{lines}" for n in range(10)})
    names = [f"part{n}" for n in range(10)]
    code = f"for name in {names}: import_app(name)\nprint('ok')"
    written = []
    for _ in range(2):
        assert app.run(code) == "ok\n"
        files = sorted(path for path in app.cache.glob("*/*") if path.is_file())
        written.append([(path, path.stat().st_ino) for path in files])
    assert len(written[0]) == 10
    assert written[1] == written[0]


def test_what_lies_in_the_app_s_folder_and_is_installed_stays_so(
    tmp_path: Path,
) -> None:
    app = App(tmp_path)
    site = "venv/site-packages"
    app.write(
        {
            "main.py": f"import sys\nsys.path.insert(0, '{app.folder}/venv')\n"
            f"sys.path.insert(0, '{app.folder}/{site}')\nimport modern\n",
            f"{site}/modern.py": "import os\nassert 3 / 2 == 1.5\nprint('as it is')\n",
        }
    )
    assert app.run() == "as it is\n"


def test_loading_leaves_nothing_of_the_translator_behind(app: App) -> None:
    app.write({"main.py": "import other\n" + "print >>None, `1`\n" * 100})
    app.write({"other.py": "def f((a, b)):\n    if a < b: return a / b\n" * 100})
    code = """
        import ast, gc
        import_app('main')
        gc.collect()
        objects = gc.get_objects()
        print([o for o in objects if isinstance(o, ast.AST) and 'lineno' in vars(o)])
        names = {'Parser', 'Lowerer', 'Tokenizer', 'Scope', 'Translation'}
        print([type(o).__name__ for o in objects if type(o).__name__ in names])
    """
    assert app.run(code).splitlines()[-2:] == ["[]", "[]"]


def test_os_path_is_a_module_to_import_from(app: App) -> None:
    app.write(
        {
            "main.py": """
                import os, os.path as path
                from os.path import join, walk
                def local():
                    from os.path import *
                    return basename('a/b')
                print join('a', 'b'), walk is os.path.walk, path is os.path, local()
                print __import__('os.path') is os
                print __import__('os.path', {}, {}, ['join']) is path
            """
        }
    )
    assert app.run() == "a/b True True b\nTrue\nTrue\n"


def test_a_start_from_the_cache_loads_no_translator(app: App) -> None:
    app.write({"main.py": "import os\nprint os.sep, sorted([2, None])"})
    assert app.run() == "/ [None, 2]\n"
    code = """
        import sys
        import_app('main')
        ours = [name for name in sys.modules if name.startswith('channelshim.python27')]
        print([name for name in ours if name.rpartition('.')[2].startswith(
            ('parser', 'lowering', 'tokens', 'translation'))])
        print([name[-6:] for name in ours if name.endswith('_27')])
    """
    assert app.run(code).splitlines()[1:] == ["[]", "['sys_27', '.os_27']"]


def test_the_standard_library_is_where_sysconfig_says() -> None:
    names = ("stdlib", "platstdlib")
    expected = {os.path.realpath(sysconfig.get_path(name)) for name in names}
    assert set(map(os.path.realpath, standard_folders())) == expected
