"""Text to tokens: indentation, strings, and text that is no Python."""

from __future__ import annotations

import pytest

from channelshim.python27.tokens import Tokenizer


def kinds(text: str) -> str:
    return " ".join(token[0] for token in Tokenizer(text, "file.py").run())


def texts(text: str) -> list[str]:
    tokens = Tokenizer(text, "file.py").run()
    return [token[1] for token in tokens if token[1].strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "end"),
        ("\n# only a comment", "end"),
        ("a", "name newline end"),
        ("a\n\n  # note\nb", "name newline name newline end"),
        ("if a:\n b", "if name : newline indent name newline dedent end"),
        ("if a:\n\tb\n        c", "if name : newline indent name newline"
         " name newline dedent end"),
        ("if a:\n    \x0cb\nc", "if name : newline name newline name newline end"),
        ("(a\n\n  # note\n  )", "( name ) newline end"),
        ("a\\\n  b", "name name newline end"),
        ("a\\\n", "name newline end"),
        ("if a:\n  b\n \\\n\n", "if name : newline indent name newline dedent end"),
    ],
)  # fmt: skip
def test_lines_and_indentation(text: str, expected: str) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print'a'", ["print", "'a'"]),
        ("ur'\\'' BR\"x\" u''", ["ur'\\''", 'BR"x"', "u''"]),
        ("'''a'b''c''' ''", ["'''a'b''c'''", "''"]),
        ("1if 0xfor 1jor 1.e5 .5.real", "1 if 0xf or 1j or 1.e5 .5 . real".split()),
        ("a<>b!=c**=d//=e>>=f", "a <> b != c **= d //= e >>= f".split()),
        ("x[...]", ["x", "[", ".", ".", ".", "]"]),
        ("0_1 10L", ["0", "_1", "10L"]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_string_over_lines_stands_on_its_last_line_as_in_27() -> None:
    tokens = Tokenizer('x = """a\n\nb""" + c', "file.py").run()
    assert [token[2] for token in tokens] == [1, 1, 3, 3, 3, 3, 4]


def test_columns_count_bytes_of_utf8() -> None:
    tokens = Tokenizer("x = 'é', y, 'é', z", "file.py").run()
    assert [token[3] for token in tokens[:-1]] == [0, 2, 4, 8, 10, 11, 13, 17, 19, 20]


def test_width_of_tabs_comes_from_comments() -> None:
    text = "# vim: set tabsize=4:\nif a:\n\tb\n    c"
    assert "indent name newline name newline dedent" in kinds(text)
    too_wide = "# -*- tab-width: 41 -*-\nif a:\n\tb\n        c"
    assert "indent name newline name newline dedent" in kinds(too_wide)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a = 'b\n", "EOL while scanning string literal", 1),
        ("a = '''b\nc\n", "EOF while scanning triple-quoted string literal", 2),
        ("a\nb $ c", "invalid syntax", 2),
        ("a = b?", "invalid syntax", 1),
        ("a \\ b", "unexpected character after line continuation character", 1),
        ("a = 1)", "invalid syntax", 1),
        ("\xe9 = 1", "invalid syntax", 1),
        ("if a:\n    b\n  c", "unindent does not match any outer indentation level", 3),
    ],
)
def test_errors_tell_the_line(text: str, message: str, line: int) -> None:
    tokenizer = Tokenizer(text, "file.py")
    assert tokenizer.run()[-1][0] == "error"
    assert tokenizer.error is not None
    assert tokenizer.error.msg == message
    assert tokenizer.error.filename == "file.py"
    assert tokenizer.error.lineno == line


def test_hundred_levels_of_indentation_are_too_many() -> None:
    blocks = [" " * level + "if a:\n" for level in range(101)]
    Tokenizer("".join(blocks[:100]), "file.py").run()
    tokenizer = Tokenizer("".join(blocks), "file.py")
    tokenizer.run()
    assert isinstance(tokenizer.error, IndentationError)
    assert "too many levels" in tokenizer.error.msg
