"""The old server's pickles: lists of byte strings are read, and nothing is run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.data.pickled_file import read_pickled
from channelshim.data.records import BadRecord
from tests.data.old_server import pickled


def read(data: bytes) -> list[bytes]:
    return list(read_pickled(io.BytesIO(data)))


BODIES = st.lists(st.binary(max_size=600) | st.just(b"x" * 70_000), max_size=5)


@given(BODIES, st.sampled_from([0, 1, 1_400_000_000_000_000]))
def test_what_the_old_server_wrote_is_read(bodies: list[bytes], moment: int) -> None:
    data = pickled(bodies, moment)
    # It is what Python 2 makes of such a list.
    found = pickle.loads(data, encoding="bytes")
    assert found == [*bodies, moment] if moment else found == bodies
    assert read(data) == bodies


def test_more_than_a_batch_is_read() -> None:
    bodies = [b"%d" % number for number in range(2500)]
    assert read(pickled(bodies)) == bodies


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=5),
    st.integers(1, pickle.HIGHEST_PROTOCOL),
)
def test_lists_that_python_3_wrote_are_read(bodies: list[bytes], protocol: int) -> None:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=protocol)
    # As the SDK for Python 3 does: nothing is noted, so nothing is named twice.
    pickler.fast = True
    pickler.dump([*bodies, 7])
    assert read(file.getvalue()) == bodies


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self._path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_calls_something_is_refused(
    tmp_path: Path, protocol: int
) -> None:
    data = pickle.dumps([b"a", Evil(tmp_path / "run")], protocol=protocol)
    with pytest.raises(BadRecord):
        read(data)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "value", [{"a": b"b"}, [None], [1.5], [{1}], [object()], [True], [b"a", {}]]
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(BadRecord):
        read(pickle.dumps(value, protocol=2))


@given(BODIES.filter(len), st.data())
def test_what_is_cut_short_is_refused(bodies: list[bytes], data: st.DataObject) -> None:
    whole = pickled(bodies)
    end = data.draw(st.integers(1, min(len(whole), 2000) - 1))
    with pytest.raises(BadRecord):
        read(whole[:end])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadRecord):
        read(data)


def test_what_promises_too_much_is_not_read() -> None:
    with pytest.raises(BadRecord, match="more than"):
        read(b"](T\xff\xff\xff\x7fabc")


def test_what_follows_the_list_is_refused() -> None:
    with pytest.raises(BadRecord, match="behind its end"):
        read(pickled([b"a"]) + b"x")
