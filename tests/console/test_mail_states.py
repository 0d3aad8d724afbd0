"""The page of mails where mail leaves: what became of each, and a try by hand."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.contracts.mails import Envelope, MailState
from tests.console.site import HOSTILE, Site
from tests.smtp_server import SmtpServer

TO_ANN = Envelope("app@example.com", ("ann@example.com",))

DATA = b"Subject: %s\r\nTo: ann@example.com\r\n\r\ntext\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    made = Site(tmp_path, smtp_host="127.0.0.1", smtp_port=port)
    yield made
    made.close()


def rows(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.client.get("/mail?format=json").json["mails"][
        "rows"
    ]
    return found


def add(site: Site, subject: str) -> int:
    mails = site.instance.store.mails
    number = mails.add(DATA % subject.encode(), site.instance.clock.time(), TO_ANN)
    site.instance.wake_mail()
    return number


def test_mail_that_waits_says_why_and_leaves_when_it_can(
    site: Site, wait_until: Callable[..., Any]
) -> None:
    number = add(site, "first")
    wait_until(lambda: rows(site)[0]["reason"] == "Connection refused")
    assert rows(site)[0]["state"] == "waiting"
    page = site.client.get("/mail")
    assert "Mail leaves through 127.0.0.1:" in page.text
    assert "mails wait for 127.0.0.1:" in page.text
    shown = site.client.get(f"/mail/message?number={number}")
    assert "Connection refused" in shown.text
    assert "Send it now" in shown.text


def test_mail_that_was_given_up_is_sent_by_hand(
    site: Site, wait_until: Callable[..., Any]
) -> None:
    mails = site.instance.store.mails
    sender = site.instance.mail
    assert sender is not None
    # What is done here is the test's own doing.
    sender.stop(10)
    number = mails.add(DATA % b"x", 0.0, TO_ANN)
    mail = mails.take(1e12, 2e12)
    assert mail is not None
    path = f"/mail/message?number={number}"
    site.post(path, "retry", status=409)
    reason = f"ann@example.com: 550 {HOSTILE}"
    mails.settle(mail, MailState.FAILED, recipients=["ann@example.com"], refused=reason)
    page = site.client.get(path)
    assert "<script>alert" not in page.text
    assert "failed, after 1 try" in page.text
    site.post(path, "retry")
    assert rows(site)[0]["state"] == "waiting"
    assert rows(site)[0]["reason"] == ""


def test_mail_that_is_kept_cannot_be_sent(tmp_path: Path) -> None:
    site = Site(tmp_path)
    try:
        folder = tmp_path / "store" / "mail"
        folder.mkdir()
        (folder / "000001.eml").write_bytes(DATA % b"kept")
        page = site.client.get("/mail/message?number=1")
        assert "Send it now" not in page.text
        assert rows(site)[0]["state"] == "kept"
        answer = site.post("/mail/message?number=1", "retry", status=400)
        assert "no setting says where it goes" in answer.text
        assert site.client.get("/mail").text.count("Nothing leaves this machine") == 1
    finally:
        site.close()


def test_mails_of_the_store_are_read_and_deleted(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    post = SmtpServer()
    site = Site(tmp_path, smtp_host="127.0.0.1", smtp_port=post.port)
    try:
        number = add(site, "sent")
        wait_until(lambda: rows(site)[0]["state"] == "sent")
        raw = site.client.get(f"/mail/part?number={number}")
        assert raw.body == post.received[0].data
        site.post(f"/mail/message?number={number}", "delete")
        assert rows(site) == []
    finally:
        site.close()
        post.close()
