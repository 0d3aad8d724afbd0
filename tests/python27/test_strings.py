"""NativeStr against the str of a real Python 2.7, and its meetings with text."""

from __future__ import annotations

import atexit
import pickle
import subprocess
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channelshim.python27.strings import NativeStr, decode, encode, join, native
from tests.lanes import find_python27

ORACLE = r"""
import binascii, sys
while 1:
    line = sys.stdin.readline()
    if not line:
        break
    parts = line.split()
    method, values = parts[0], []
    for part in parts[1:]:
        kind, text = part[0], part[1:]
        values.append(int(text) if kind == 'i' else binascii.unhexlify(text))
    def shown(value):
        if isinstance(value, str):
            return 's' + binascii.hexlify(value)
        if isinstance(value, (list, tuple)):
            return '(' + ','.join([shown(item) for item in value]) + ')'
        return repr(value)
    try:
        if method == '%':
            answer = shown(values[0] % tuple(values[1:]))
        elif method == 'slice':
            answer = shown(values[0][values[1]:values[2]])
        elif method == 'item':
            answer = shown(values[0][values[1]])
        elif method == 'order':
            answer = repr(cmp(values[0], values[1]))
        elif method == 'repr':
            answer = shown(repr(values[0]))
        elif method == 'list':
            answer = shown(list(values[0]))
        else:
            answer = shown(getattr(values[0], method)(*values[1:]))
    except Exception, error:
        answer = error.__class__.__name__
    sys.stdout.write(answer + '\n')
    sys.stdout.flush()
"""


class Oracle:
    """A real Python 2.7 that answers what its str gives."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-u", "-c", ORACLE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._process.kill)

    def ask(self, method: str, *values: Any) -> str:
        """Return what a method of 2.7's str gives, as `shown` writes it."""
        words = [method]
        words += [
            f"i{value}" if isinstance(value, int) else "s" + bytes(value).hex()
            for value in values
        ]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    python = find_python27()
    assert python is not None
    return Oracle(python)


def shown(value: Any) -> str:
    """Write an answer as the oracle does."""
    if isinstance(value, str):
        return "s" + value.encode("utf-8", "surrogateescape").hex()
    if isinstance(value, bytes):
        return "s" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(map(shown, value)) + ")"
    return repr(value)


def ours(method: str, *values: Any) -> str:
    """Return what NativeStr gives, as `shown` writes it."""
    first, *others = values
    try:
        if method == "%":
            return shown(first % tuple(others))
        if method == "slice":
            return shown(first[others[0] : others[1]])
        if method == "item":
            return shown(first[others[0]])
        if method == "order":
            return repr((first > others[0]) - (first < others[0]))
        if method == "repr":
            return shown(repr(first))
        if method == "list":
            return shown(list(first))
        return shown(getattr(first, method)(*others))
    except Exception as error:
        return type(error).__name__


STRINGS = st.one_of(
    st.binary(max_size=12),
    st.text(alphabet="aAbB ,.\n\t\r-é\x00", max_size=12).map(str.encode),
).map(NativeStr)
SHORT = st.binary(max_size=2).map(NativeStr)
SMALL = st.integers(-3, 14)
CALLS = st.one_of(
    *(
        st.tuples(st.just(name), STRINGS)
        for name in (
            *("capitalize", "lower", "upper", "swapcase", "title", "strip", "lstrip"),
            *("rstrip", "split", "rsplit", "splitlines", "isalnum", "isalpha"),
            *("isdigit", "islower", "isspace", "istitle", "isupper", "expandtabs"),
            *("repr", "list"),
        )
    ),
    *(
        st.tuples(st.just(name), STRINGS, SHORT)
        for name in (
            *("count", "endswith", "startswith", "find", "rfind", "index", "rindex"),
            *("partition", "rpartition", "split", "rsplit", "strip", "lstrip"),
            *("rstrip", "order", "__contains__"),
        )
    ),
    *(
        st.tuples(st.just(name), STRINGS, SHORT, SMALL)
        for name in ("count", "find", "rfind", "split", "rsplit", "startswith")
    ),
    *(
        st.tuples(st.just(name), STRINGS, SMALL)
        for name in (
            "center",
            "ljust",
            "rjust",
            "zfill",
            "item",
            "expandtabs",
            "splitlines",
        )
    ),
    st.tuples(st.just("slice"), STRINGS, SMALL, SMALL),
    st.tuples(st.just("replace"), STRINGS, SHORT, SHORT),
    st.tuples(st.just("replace"), STRINGS, SHORT, SHORT, SMALL),
    st.tuples(st.just("%"), st.just(NativeStr(b"a%s\xff%r")), STRINGS, STRINGS),
    st.tuples(st.just("%"), st.just(NativeStr(b"%d-%s")), SMALL, STRINGS),
)


@pytest.mark.python27
@settings(max_examples=1500, deadline=None)
@given(call=CALLS)
def test_it_answers_as_the_str_of_python27(
    oracle: Oracle, call: tuple[Any, ...]
) -> None:
    # bpo-28029: ''.replace('', x, n) gave '' before Python 3.9.
    assume(not (call[0] == "replace" and not call[1] and not call[2]))
    assert ours(*call) == oracle.ask(*call)


CODECS = ["hex", "base64", "zlib", "string_escape", "rot13"]


@settings(max_examples=200, deadline=None)
@given(value=STRINGS, codec=st.sampled_from(CODECS[:4]))
def test_bytes_survive_the_codecs_of_bytes(value: Any, codec: str) -> None:
    assert decode(encode(value, codec), codec) == value


@pytest.mark.python27
@settings(max_examples=300, deadline=None)
@given(value=STRINGS, codec=st.sampled_from(["hex", "string_escape"]))
def test_codecs_of_bytes_write_as_in_27(oracle: Oracle, value: Any, codec: str) -> None:
    expected = oracle.ask("encode", value, codec.encode())
    assert shown(encode(value, codec)) == expected


@given(raw=st.binary(max_size=20))
def test_text_made_of_bytes_gives_the_bytes_back(raw: bytes) -> None:
    from channelshim.python27.strings import to_bytes, to_text

    assert to_bytes(to_text(raw)) == raw
    assert to_bytes(f"<{NativeStr(raw)}>") == b"<" + raw + b">"


@given(text=st.text(max_size=8), other=st.text(max_size=8))
def test_it_equals_hashes_and_orders_as_its_text(text: str, other: str) -> None:
    value = NativeStr(text.encode("utf-8", "surrogatepass"))
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert value == text
        assert hash(value) == hash(text)
        numbers: dict[object, int] = {text: 1}
        assert numbers[value] == 1
    if not any("\ud800" <= letter <= "\udfff" for letter in text + other):
        assert (value < other) == (text.encode() < other.encode())
        assert (value == other) == (text == other)


def test_meetings_with_text_give_text() -> None:
    value: Any = NativeStr("é".encode())
    assert value + "x" == "éx"
    assert type(value + "x") is str
    assert type("x" + value) is str
    assert type(value + value) is NativeStr
    assert type(value + b"x") is NativeStr
    assert join(",", ["a", value]) == "a,é"
    assert value.join(["a", "b"]) == "aéb"
    assert type(value.join([value, value])) is NativeStr
    assert f"{value}" == "é"
    assert repr(value) == "'\\xc3\\xa9'"


def test_methods_given_text_work_on_bytes() -> None:
    value: Any = NativeStr("aéb\xff".encode("latin-1"))
    assert value.split("b") == [NativeStr(b"a\xe9"), NativeStr(b"\xff")]
    assert all(type(part) is NativeStr for part in value.split("b"))
    assert value.replace("a", "é") == NativeStr(b"\xc3\xa9\xe9b\xff")
    assert value.find("b") == 2
    assert "a" in value
    assert value.startswith(("x", "a"))


def test_ascii_text_stays_the_same_object_when_it_is_encoded() -> None:
    text = "name"
    assert encode(text, "utf-8") is text
    assert encode(text, "latin-1") is text
    assert type(encode("é", "utf-8")) is NativeStr
    assert encode("é", "latin-1") == NativeStr(b"\xe9")
    assert encode("a", "utf-16") != "a"


@pytest.mark.parametrize("errors", ["strict", "replace", "ignore", "xmlcharrefreplace"])
@pytest.mark.parametrize("charset", ["latin-1", "ascii", "cp1252", "utf-8", "gbk"])
@given(raw=st.binary(max_size=12))
def test_bytes_inside_text_are_not_encoded_again(
    raw: bytes, charset: str, errors: str
) -> None:
    text = raw.decode("ascii", "surrogateescape")
    assert encode(f"<{text}>", charset, errors) == NativeStr(b"<" + raw + b">")


def test_what_is_no_byte_goes_to_the_handler_that_is_named() -> None:
    text = "\udce9中\udcff中中"
    assert encode(text, "latin-1", "replace") == NativeStr(b"\xe9?\xff??")
    assert encode(text, "ascii", "ignore") == NativeStr(b"\xe9\xff")
    with pytest.raises(UnicodeEncodeError):
        encode(text, "latin-1")
    with pytest.raises(LookupError):
        encode(text, "latin-1", "no such handler")


def test_bytes_that_are_utf8_are_text() -> None:
    assert native(b"abc") == "abc"
    assert type(native("é".encode())) is str
    assert type(native(b"\xff")) is NativeStr


def test_what_is_no_ascii_is_refused_where_27_refused_it() -> None:
    with pytest.raises(UnicodeDecodeError):
        encode(NativeStr(b"\xff"), "utf-8")
    with pytest.raises(UnicodeEncodeError):
        encode("é", "ascii")
    with pytest.raises(UnicodeDecodeError):
        decode(NativeStr(b"\xff"), "ascii")
    with pytest.raises(TypeError):
        decode("xyz", "hex")


def test_it_is_pickled_as_itself() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        value = pickle.loads(pickle.dumps(NativeStr(b"\xff"), protocol))
        assert value == NativeStr(b"\xff")
        assert type(value) is NativeStr


def test_plain_bytes_stay_what_they_are() -> None:
    value: Any = NativeStr(b"\xff")
    assert value == b"\xff"
    assert bytes(value)[0] == 255
    assert b"".join([value, b"a"]) == b"\xffa"
    with pytest.raises(TypeError):
        5 in value  # noqa: B015
