"""What a browser keeps for a login page: good when it is ours, and for a while."""

from __future__ import annotations

import pytest

from channelshim.appserver.login.notes import Notes

OLD, NEW = b"o" * 32, b"n" * 32


class Site:
    """Notes of one server, its secrets and its clock."""

    def __init__(self) -> None:
        self.secrets = [OLD]
        self.now = 1000.0

    def notes(self, kind: str = "kind") -> Notes:
        return Notes(lambda: self.secrets, kind, lambda: self.now)


def test_note_is_read_until_it_ends() -> None:
    site = Site()
    value = site.notes().write({"name": '\u00e4;"\n'}, 60)
    assert value.isascii()
    assert not set(value) & set('";, \\')
    found = site.notes().read(value)
    assert found is not None
    assert found["name"] == '\u00e4;"\n'
    site.now += 59
    assert site.notes().read(value) is not None
    site.now += 1
    assert site.notes().read(value) is None


def test_note_of_another_kind_or_secret_is_not_believed() -> None:
    site = Site()
    value = site.notes().write({}, 60)
    assert site.notes("another").read(value) is None
    site.secrets = [OLD, NEW]
    newer = site.notes().write({}, 60)
    assert site.notes().read(value) is not None
    site.secrets = [NEW]
    assert site.notes().read(value) is None
    assert site.notes().read(newer) is not None


@pytest.mark.parametrize("value", ["", ".", "a.b", "\xe9", "x" * 9000, "W10.x", "e30"])
def test_anything_else_is_no_note(value: str) -> None:
    assert Site().notes().read(value) is None
