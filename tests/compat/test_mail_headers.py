"""Headers of incoming mail are joined as they were on Python 2.7."""

from __future__ import annotations

import pytest

from channelshim.cli.testing import install

install(python27=False)

from google.appengine.api import mail  # noqa: E402


# The right side is what SDK 1.9.88 answers on Python 2.7.18.
@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?q?J=C3=BCrgen?= <a@x.y>", "J\xfcrgen <a@x.y>"),
        ("Dr. =?utf-8?q?J=C3=BCrgen?= K <a@x.y>", "Dr. J\xfcrgen K <a@x.y>"),
        ("=?utf-8?q?J=C3=BC?= =?utf-8?q?rgen?= <a@x.y>", "J\xfcrgen <a@x.y>"),
        ("=?utf-8?q?J=C3=BC?= =?latin-1?q?=FC?= <a@x.y>", "J\xfc \xfc <a@x.y>"),
        ("=?utf-8?q?J=C3=BCrgen_?= <a@x.y>", "J\xfcrgen  <a@x.y>"),
        ('"A, B"  <a@x.y>', '"A, B"  <a@x.y>'),
        ("a@x.y", "a@x.y"),
    ],
)
def test_sender_is_read(header: str, text: str) -> None:
    data = f"From: {header}\r\nTo: {header}\r\nSubject: {header}\r\n\r\nhi"
    message = mail.InboundEmailMessage(data.encode())
    assert (message.sender, message.to) == (text, text)
