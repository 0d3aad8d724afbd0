"""What a page sends, where the parser of its frames is not to be had."""

from __future__ import annotations

import time

import pytest

from channelshim import limits
from channelshim.errors import ConfigurationError
from channelshim.transports import incoming
from channelshim.transports.incoming import Incoming

TEXT_FRAME = bytes([0x81, 0x81, 0, 0, 0, 0]) + b"x"


@pytest.mark.parametrize(
    "error", [ImportError("gone"), OSError(24, "scarce"), ConfigurationError("old")]
)
def test_without_a_parser_the_page_is_ended_with_a_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(incoming, "_new_parser", fail)
    page = Incoming()
    assert list(page.feed(TEXT_FRAME, time.monotonic)) == []
    assert page.failure == limits.CLOSE_INTERNAL_ERROR
    assert caplog.text.count("cannot be read") == 1
