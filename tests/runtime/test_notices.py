"""Warnings that a reload does not repeat."""

from __future__ import annotations

import logging

import pytest

from channelshim.runtime.notices import Notices

LOGGER = logging.getLogger("channelshim.tests")


def warned(
    caplog: pytest.LogCaptureFixture, notices: Notices, *texts: str
) -> list[str]:
    """Return what is warned of."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        for text in texts:
            notices.warn(LOGGER, text)
    assert [record.getMessage() for record in caplog.records] == [*texts]
    return [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]


def following(notices: Notices, *, is_whole: bool = True) -> Notices:
    """Return those of the next image of a process."""
    next_one = Notices()
    next_one.begin(notices.digests(is_whole=is_whole))
    return next_one


def test_only_what_is_new_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    first = Notices()
    assert warned(caplog, first, "a", "b \udc80") == ["a", "b \udc80"]
    second = following(first)
    assert warned(caplog, second, "b \udc80", "c") == ["c"]
    # It was gone in between.
    assert warned(caplog, following(second), "a", "c") == ["a"]


def test_what_another_process_warns_of_is_known_to_the_next_image(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Notices()
    first.leave("a")
    first.leave("never said")
    for text in ("a", "another line"):
        first.hear(text)
    following_one = following(first)
    assert warned(caplog, following_one, "a", "b") == ["b"]
    assert warned(caplog, following(first), "never said", "another line") == [
        "never said",
        "another line",
    ]


def test_an_image_that_reads_nothing_hands_on_what_it_knows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Notices()
    warned(caplog, first, "a")
    broken = following(first)
    assert warned(caplog, following(broken, is_whole=False), "a") == []
    assert warned(caplog, following(broken), "a") == ["a"]
