"""Source to tree: encodings, which Python it is, hostile text."""

from __future__ import annotations
import __future__

import ast

import pytest

from channelshim.python27.translation import RefusedSyntax, decode, translate
from tests.lanes import ROOT
from tests.test_architecture import FORBIDDEN_ON_PURE_FLOORS, PACKAGE, imports_of


def text_of(tree: ast.AST) -> str:
    return ast.unparse(tree)


@pytest.mark.parametrize(
    ("source", "text", "encoding"),
    [
        (b"a\r\nb\rc", "a\nb\nc", "utf-8"),
        (b"\xef\xbb\xbfa", "a", "utf-8"),
        (b"a = '\xc3\xa9'", "a = '\xe9'", "utf-8"),
        (b"a = '\xe9'", "a = '\xe9'", "latin-1"),
        (b"# coding: cp1251\n'\xe9'", "# coding: cp1251\n'\u0439'", "cp1251"),
        (b"#!/x\n# -*- coding=cp1251 -*-\n'\xe9'",
         "#!/x\n# -*- coding=cp1251 -*-\n'\u0439'", "cp1251"),
        (b"a\n# coding: cp1251\n", "a\n# coding: cp1251\n", "utf-8"),
        (b"\n\n# coding: cp1251\n", "\n\n# coding: cp1251\n", "utf-8"),
    ],
)  # fmt: skip
def test_files_are_decoded(source: bytes, text: str, encoding: str) -> None:
    assert decode(source, "file.py") == (text, encoding)


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        (b"# coding: no-such\n", "unknown encoding: no-such", 1),
        (b"# coding: hex\n", "unknown encoding: hex", 1),
        (b"# coding: ascii\n\n'\xe9'", "not ascii, which the coding line names", 3),
        (b"a\nb\0", "null byte", 2),
    ],
)
def test_what_cannot_be_decoded_tells_its_line(
    source: bytes, message: str, line: int
) -> None:
    with pytest.raises(SyntaxError, match=message) as caught:
        translate(source, "file.py")
    assert (caught.value.filename, caught.value.lineno) == ("file.py", line)


def test_python3_is_left_alone_only_where_27_fails() -> None:
    python3 = translate(b"print(a, file=b)\nc / d\n", "file.py")
    assert python3.is_python3
    assert text_of(python3.tree) == "print(a, file=b)\nc / d"
    both = translate(b'print ("a", "b")\n', "file.py")
    assert not both.is_python3
    assert text_of(both.tree) == "_p27_print(None, True, ('a', 'b'))"


def test_text_of_python3_is_refused_where_an_app_compiles_it() -> None:
    with pytest.raises(SyntaxError):
        translate("print(a, file=b)", "<string>", allow_python3=False)


def test_return_with_a_value_in_a_generator_is_python3() -> None:
    assert translate(b"def f():\n  yield 1\n  return 2\n", "file.py").is_python3


def test_error_of_27_is_told_where_both_fail() -> None:
    with pytest.raises(SyntaxError) as caught:
        translate(b"print 'a'\nb c\n", "file.py")
    assert caught.value.lineno == 2
    assert caught.value.msg == "invalid syntax"


def test_what_compiles_in_neither_is_no_python3() -> None:
    with pytest.raises(SyntaxError, match="'return' outside function"):
        translate(b"return 1\n", "file.py")


def test_future_imports_are_inherited_by_flags() -> None:
    division = __future__.division.compiler_flag
    print_function = __future__.print_function.compiler_flag
    translation = translate("a / b", "file.py", flags=division, mode="eval")
    assert text_of(translation.tree) == "a / b"
    assert translation.flags == division
    flags = division | print_function | 0x1000
    translation = translate("print(a, end='')", "file.py", flags=flags)
    assert not translation.is_python3
    assert translation.flags == division | print_function


def test_modes() -> None:
    single = translate("a = 1; print a", "file.py", mode="single").tree
    assert isinstance(single, ast.Interactive)
    value = translate("1, 2\n", "file.py", mode="eval").tree
    assert isinstance(value, ast.Expression)
    with pytest.raises(SyntaxError):
        translate("a = 1", "file.py", mode="eval")
    with pytest.raises(SyntaxError):
        translate("f(a, *b, c)", "file.py", mode="eval")


def test_coding_line_in_text_is_a_comment() -> None:
    translation = translate("# coding: latin-1\na = 'é'\n", "file.py")
    assert text_of(translation.tree) == "a = 'é'"


def test_refused_source_tells_what_to_write() -> None:
    source = b"def f():\n    x = [(yield a) for a in b]\n"
    with pytest.raises(RefusedSyntax, match="write a for loop") as caught:
        translate(source, "file.py")
    assert caught.value.lineno == 2
    assert caught.value.text == "    x = [(yield a) for a in b]"
    translation = translate(source, "file.py", allow_refused=True)
    assert [remark.line for remark in translation.refusals] == [2]


def test_notes_tell_what_will_fail() -> None:
    source = b"import bsddb.db\nfrom compiler import ast\nraise 'text'\nraise 'a', b\n"
    notes = translate(source, "file.py").notes
    assert [note.line for note in notes] == [1, 2, 3, 4]


MANY = 50_000


def test_language_core_is_pure() -> None:
    """Text in, tree out: no clock, no files, no threads, nothing of the loader."""
    folder = ROOT / PACKAGE / "python27"
    core = {"tokens", "nodes", "translation"}
    for path in folder.glob("*.py"):
        if path.stem in core or path.stem.startswith(("parser", "lowering")):
            for imported in imports_of(ROOT / PACKAGE, path):
                top, _, rest = imported.name.partition(".")
                assert top not in FORBIDDEN_ON_PURE_FLOORS, imported
                if top == PACKAGE:
                    module = rest.split(".")[1]
                    assert module in core or module.startswith(("parser", "lowering"))


HOSTILE = {
    "open brackets": b"(" * 1_000_000,
    "open brackets of all kinds": b"([{" * MANY,
    "quotes": b"'''" + b"\\'''" * MANY,
    "broken strings": b"'\\\n" * MANY,
    "backslashes": b"\\\n" * MANY,
    "escapes": b"'" + b"\\x41" * MANY + b"'",
    "one long name": b"a" * 1_000_000 + b"'",
    "digits": b"1" * 1_000_000,
    "prefixes": b"ur" * MANY + b"'",
    "blank lines": b" \n" * MANY + b" x",
    "comments": b"#" * 1_000_000,
    "signs": b"-" * MANY + b"1",
    "nots": b"not " * MANY + b"1",
    "powers": b"1" + b"**1" * MANY,
    "operators": b"a" + b"+a" * MANY,
    "comparisons": b"a" + b"<b" * MANY,
    "calls": b"a" + b"()" * MANY,
    "lambdas": b"lambda:" * MANY,
    "conditions": b"a if b else " * MANY + b"a",
    "elifs": b"if a: b\n" + b"elif a: b\n" * MANY,
    "indents": b"".join(b" " * level + b"if a:\n" for level in range(2000)),
    "for clauses": b"[a " + b"for a in b " * MANY + b"]",
    "decorators": b"@a\n" * MANY,
    "targets": b"a = " * MANY + b"b",
    "not ASCII on one line": ("a, 'é', " * MANY).encode(),
    "backticks": b"`" * MANY,
    "null bytes": b"\0" * 1_000_000,
    "every byte": bytes(range(256)) * 100,
    "tab forms": b"# :ts=" + b"9" * 1_000_000 + b"\na = 1",
    "coding lines": b"# coding: " + b"a" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_source_ends_cleanly(name: str) -> None:
    # Work that is not linear in these would take hours.
    error: SyntaxError | None = None
    try:
        translate(HOSTILE[name], "file.py")
    except SyntaxError as caught:
        error = caught
    if error is not None:
        assert error.filename == "file.py"
        assert error.lineno
        assert len(error.text or "") < 2000


def test_deep_caller_gets_a_syntax_error() -> None:
    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            translate("(" * 90 + "a" + ")" * 90, "file.py")

    def descend_ever_deeper() -> None:
        for levels in range(100, 1000, 10):
            descend(levels)

    with pytest.raises(SyntaxError, match="too deep"):
        descend_ever_deeper()


PLACES = [
    "[x for x in map(lambda y: %s, a)]",
    "[x for z in a for x in map(lambda y: %s, z)]",
    "[x for x in a if (lambda: %s)()]",
    "[lambda: [x for x in f(lambda: %s)] for x in a]",
    "{x: %s for x in f(%s)}",
    "(%s for x in f(%s) if %s)",
    "lambda x=%s: %s",
    "a[%s:%s] if %s else `%s`",
]
VALUES = ["'%%s' %% b.c", "1 < d() < 3", "[e for e in g] and e", "cmp((h, 1), (i, 2))"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", VALUES)
def test_names_of_ours_stand_only_where_python_3_allows_them(
    place: str, value: str
) -> None:
    line = place.replace("%s", value.replace("%%", "%"))
    text = f"{line}\nclass A:\n    {line}\ndef f(a):\n    {line}\n    return {line}\n"
    translation = translate(text, "file.py")
    compile(translation.tree, "file.py", "exec", dont_inherit=True)
