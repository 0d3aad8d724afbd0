"""What the parser refuses; what it accepts is compared with 2.7 in test_tree."""

from __future__ import annotations

import ast

import pytest

from channelshim.python27.parser import Parser
from channelshim.python27.parser_literals import number_value, string_value


def parse(text: str) -> ast.Module:
    return Parser(text, "file.py", "utf-8").module()


REFUSED = [
    ("a b", "invalid syntax", 1),
    ("  a", "unexpected indent", 1),
    ("if a:\nb", "expected an indented block", 2),
    ("if a:\n  b\n    c", "unexpected indent", 3),
    ("def f(a=1, b): pass", "non-default argument follows default argument", 1),
    ("def f(a, *): pass", "invalid syntax", 1),
    ("def f(*a, b): pass", "invalid syntax", 1),
    ("f(a=1, b)", "non-keyword arg after keyword arg", 1),
    ("f(a=1, a=2)", "keyword argument repeated", 1),
    ("f(*a, b)", "only named arguments may follow *expression", 1),
    ("f(*a,)", "invalid syntax", 1),
    ("f(**a, b=1)", "invalid syntax", 1),
    ("f(None=1)", "cannot assign to None", 1),
    ("def f(a, b c): pass", "invalid syntax", 1),
    ("x = [\nif a:\n  b", "invalid syntax", 2),
    ("a = (b,\n  c\n", "unexpected EOF while parsing", 2),
    ("a b\nc = 'd", "invalid syntax", 1),
    ("a = 'b\nc d", "EOL while scanning string literal", 1),
    ("if a:\n  b = (\n", "unexpected EOF while parsing", 2),
    ("a = (b $ c)", "invalid syntax", 1),
    ("def f():\n  @a\n  b", "invalid syntax", 3),
    ("f(a.b=1)", "keyword can't be an expression", 1),
    ("f(lambda: 0=1)", "lambda cannot contain assignment", 1),
    (
        "f(a for a in b, c)",
        "Generator expression must be parenthesized if not sole argument",
        1,
    ),
    ("a + 1 = b", "can't assign to operator", 1),
    ("f() = 1", "can't assign to function call", 1),
    ("'a' = 1", "can't assign to literal", 1),
    ("a < b = 1", "can't assign to comparison", 1),
    ("() = 1", "can't assign to ()", 1),
    ("`a` = 1", "can't assign to repr", 1),
    ("None = 1", "cannot assign to None", 1),
    ("a.None = 1", "cannot assign to None", 1),
    ("for f() in a: pass", "can't assign to function call", 1),
    ("[a for f() in b]", "can't assign to function call", 1),
    ("(a, b) += 1", "illegal expression for augmented assignment", 1),
    ("{a: b for a in b} += 1", "can't assign to dict comprehension", 1),
    ("del f()", "can't delete function call", 1),
    ("del ()", "can't delete ()", 1),
    ("return 1", "'return' outside function", 1),
    ("yield 1", "'yield' outside function", 1),
    ("class A:\n  yield 1", "'yield' outside function", 2),
    ("def f():\n  yield\n  return 1", "'return' with argument inside generator", 3),
    ("try: a\nexcept: b\nexcept c: d", "default 'except:' must be last", 3),
    ("try: a\nb", "invalid syntax", 2),
    ("from a import b,", "trailing comma not allowed without surrounding parentheses",
     1),
    ("from __future__ import annotations",
     "future feature annotations is not defined", 1),
    ("from __future__ import braces", "not a chance", 1),
    ("print >>a,", "invalid syntax", 1),
    ("x = 08", "invalid token", 1),
    ("x = '\\x4'", "(value error) invalid \\x escape", 1),
    ("x = u'\\N{no such name}'", "(value error) unknown Unicode character name", 1),
    ("x = u'\\U00110000'", "(value error) illegal Unicode character", 1),
    ("a + not b", "invalid syntax", 1),
    ("a = *b", "invalid syntax", 1),
    ("print(a, file=b)", "invalid syntax", 1),
    ("def f(a: int): pass", "invalid syntax", 1),
    ("f'{a}'", "invalid syntax", 1),
    ("nonlocal a", "invalid syntax", 1),
    ("raise a from b", "invalid syntax", 1),
    ("class A(metaclass=B): pass", "invalid syntax", 1),
    ("@a\nb", "invalid syntax", 2),
    ("x = 1_000", "invalid syntax", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "line"), REFUSED)
def test_errors_tell_the_line(text: str, message: str, line: int) -> None:
    with pytest.raises(SyntaxError) as caught:
        parse(text)
    assert (caught.value.msg, caught.value.lineno) == (message, line)
    assert caught.value.filename == "file.py"
    shown = caught.value.text
    assert shown is not None
    assert shown.rstrip("\n") == text.split("\n")[line - 1]


@pytest.mark.parametrize("text", [r"u'\x'", r"u'\N'", r"ur'\u00'", r"'\x'"])
def test_broken_escapes(text: str) -> None:
    with pytest.raises(SyntaxError, match="value error"):
        parse(f"x = {text}")


def test_bytes_beside_unicode_are_text() -> None:
    tree = parse("x = '\\xff' u'a'")
    assert ast.unparse(tree) == "x = u'\xffa'"


def test_parameter_in_brackets_is_a_name() -> None:
    assert ast.unparse(parse("def f((a), ((b))): pass")) == "def f(a, b):\n    pass"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("del a,", "del a"),
        ("global a, b", "global a, b"),
        ("class A(): pass", "class A:\n    pass"),
        ("class A(B,): pass", "class A(B):\n    pass"),
        ("[a for a in 1, 2,]", "[a for a in (1, 2)]"),
        ("for a, b in enumerate(c, 1): pass", "for a, b in enumerate(c, 1):\n    pass"),
    ],
)
def test_commas_that_end_nothing(text: str, same: str) -> None:
    ours = parse(text).body[0]
    assert ast.dump(ours) == ast.dump(ast.parse(same).body[0])


def test_twenty_loops_are_the_most_of_a_comprehension() -> None:
    parse(f"[a {'for a in b ' * 20}]")
    with pytest.raises(SyntaxError, match="too many for clauses"):
        parse(f"[a {'for a in b ' * 21}]")


def test_an_expression_ends_with_its_text() -> None:
    tree = Parser("7 / 2\n", "file.py", "utf-8").single_expression()
    assert ast.unparse(tree) == "7 / 2"
    with pytest.raises(SyntaxError, match="invalid syntax"):
        Parser("7 8", "file.py", "utf-8").single_expression()


def test_names_that_python3_took_are_names() -> None:
    parse("async = await = nonlocal = match = type = 1\nasync.await(nonlocal=async)")


def test_print_is_a_name_after_its_future_import_only() -> None:
    parse("from __future__ import print_function\nprint(a, file=b); print = c")
    with pytest.raises(SyntaxError):
        parse("print = c")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0777", 511),
        ("00", 0),
        ("0xFFL", 255),
        ("0O17", 15),
        ("0b11L", 3),
        ("10l", 10),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("09.5", 9.5),
        ("0008j", 8j),
        ("1.e2J", 100j),
    ],
)
def test_numbers(text: str, value: complex) -> None:
    assert number_value(text) == value
    assert type(number_value(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("'a'", b"a", None),
        ("''", b"", None),
        ("''''''", b"", None),
        ("'''a'b'''", b"a'b", None),
        (r"'\x41\101\n\q\u0041\400'", b"AA\n\\q\\u0041\x00", None),
        ("'a\\\nb'", b"ab", None),
        (r"r'\n'", b"\\n", None),
        (r"b'\xff'", b"\xff", "b"),
        (r"u'\x41\101\u00e9\U0001F600\N{DIGIT ONE}'", "AA\xe9\U0001f6001", "u"),
        (r"u'\400'", "\u0100", "u"),
        (r"ur'\d\u0041\\u0041\\\u0041'", "\\dA\\\\u0041\\\\A", "u"),
        (r"u'\ud83d\ude00'", "\U0001f600", "u"),
        (r"u'\ud83d'", "\ud83d", "u"),
        (r"u'\n\q'", "\n\\q", "u"),
    ],
)
def test_strings(text: str, value: str | bytes, kind: str | None) -> None:
    assert string_value(text, "utf-8", unicode_literals=False) == (value, kind)


def test_native_literals_hold_the_bytes_of_the_file() -> None:
    assert string_value("'\xe9'", "utf-8", unicode_literals=False)[0] == b"\xc3\xa9"
    assert string_value("'\xe9'", "latin-1", unicode_literals=False)[0] == b"\xe9"


def test_unicode_literals_leave_bytes_alone() -> None:
    assert string_value("'a'", "utf-8", unicode_literals=True) == ("a", "u")
    assert string_value("b'a'", "utf-8", unicode_literals=True) == (b"a", "b")


def test_a_number_with_too_many_digits_is_told() -> None:
    with pytest.raises(SyntaxError, match="too many digits"):
        parse("x = " + "1" * 5000)


NESTED = {
    "brackets": ("(" * 90 + "a" + ")" * 90, "(" * 97 + "a" + ")" * 97),
    "nots": ("not " * 90 + "a", "not " * 5000 + "a"),
    "signs": ("-" * 90 + "a", "-" * 5000 + "a"),
    "powers": ("**".join("a" * 90), "**".join("a" * 5000)),
    "lambdas": ("lambda: " * 90 + "a", "lambda: " * 5000 + "a"),
    "conditions": ("a if b else " * 90 + "a", "a if b else " * 5000 + "a"),
    "operators": ("+".join("a" * 900), "+".join("a" * 50000)),
    "calls": ("a" + "()" * 900, "a" + "()" * 50000),
    "attributes": ("a" + ".a" * 900, "a" + ".a" * 50000),
    "withs": ("with " + "a, " * 15 + "a: b", "with " + "a, " * 5000 + "a: b"),
    "parameters": ("lambda " + "(" * 90 + "a" + ",)" * 90 + ": a",
                   "lambda " + "(" * 97 + "a" + ",)" * 97 + ": a"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NESTED)
def test_nesting_is_bounded(kind: str) -> None:
    fine, too_deep = NESTED[kind]
    parse(fine)
    with pytest.raises(SyntaxError, match="too"):
        parse(too_deep)
