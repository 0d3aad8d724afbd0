"""The mail service where mail leaves: what an app sends waits in the store, whole."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map, mail
from google.appengine.runtime import apiproxy_errors

from channelshim.contracts.mails import MailState
from channelshim.errors import StorageError
from channelshim.services.mail import Outbox, make_mail_service
from tests.stepped_clock import SteppedClock
from tests.store.dict_store import DictStore, Disk


class Office:
    """The service over a store of dicts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = Disk()
        self.mails = DictStore(self.disk).mails
        self.woken = 0
        self.admins: list[str] = ["root@example.com"]
        self.is_sent = True
        self.stub: Any = None

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def wake() -> None:
            self.woken += 1

        outbox = Outbox(self.mails, SteppedClock(), self.is_sent, self.admins, wake)
        self.stub = make_mail_service(self.folder, outbox)
        proxy = apiproxy_stub_map.APIProxyStubMap()
        proxy.RegisterStub("mail", self.stub)
        monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)

    def only(self) -> tuple[Any, bytes]:
        (facts,) = self.mails.facts()
        data = self.mails.read(facts.number)
        assert data is not None
        return facts, data


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    made = Office(tmp_path / "mail")
    made.install(monkeypatch)
    yield made
    # Nothing lies about as a file.
    assert not made.folder.exists()


def test_mail_waits_in_the_store_for_all_its_recipients(office: Office) -> None:
    mail.send_mail(
        "The \u00e4pp <app@example.com>",
        ["Ann <ann@example.com>", "bob@example.com, ann@example.com"],
        "h\u00e9",
        "text \u00fc",
        cc="carl@example.com",
        bcc=["secret@example.com"],
        reply_to="answers@example.com",
        html="<b>x</b>",
        headers={"References": "<a@x>\r\n <b@x>"},
    )
    facts, data = office.only()
    assert (facts.state, office.woken) == (MailState.WAITING, 1)
    assert facts.recipients == (
        *("ann@example.com", "bob@example.com", "carl@example.com"),
        "secret@example.com",
    )
    taken = office.mails.take(1e12, 1e12)
    assert taken is not None
    assert taken.envelope.sender == "app@example.com"
    assert b"secret" not in data
    assert not re.search(rb"[^\r]\n|\r[^\n]", data)
    message = email.message_from_bytes(data, policy=email.policy.default)
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (
        "The \u00e4pp",
        "app@example.com",
    )
    assert message["Subject"] == "h\u00e9"
    assert message["Reply-To"] == "answers@example.com"
    assert message["References"] == "<a@x> <b@x>"
    assert re.fullmatch(r"<\S+@example\.com>", message["Message-ID"])
    assert message["Date"].datetime.timestamp() == SteppedClock().time()
    # Whoever asks the stub sees it as ever.
    (shown,) = office.stub.get_sent_messages(to="ann@example.com")
    assert shown.bcc == "secret@example.com"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"a\nb\r\nc\rd" + b"x" * 2000),
        ("a.txt", "gr\u00fc\u00dfe".encode()),
        ("a.png", bytes(range(256)) * 10),
    ],
)
def test_attachment_arrives_byte_for_byte(
    office: Office, name: str, data: bytes
) -> None:
    mail.send_mail(
        "app@example.com", "ann@example.com", "s", "b", attachments=[(name, data)]
    )
    _, sent = office.only()
    assert sent.isascii()
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(sent)
    (part,) = [each for each in message.walk() if each.get_filename() == name]
    found = part.get_payload(decode=True)
    assert found == data


def test_line_of_any_length_arrives(office: Office) -> None:
    mail.send_mail("app@example.com", "ann@example.com", "s", "long " * 1000)
    _, sent = office.only()
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    (part,) = [
        each
        for each in email.message_from_bytes(sent).walk()
        if not each.is_multipart()
    ]
    assert part.get_payload(decode=True) == b"long " * 1000


@pytest.mark.parametrize(
    "facts",
    [
        {"subject": "x\nBcc: evil@example.com"},
        {"subject": "x\r\n\r\nbody"},
        {"subject": "x\rBcc: evil@example.com"},
        # The standard library ends lines there, too.
        {"subject": "x\x0cReply-To : evil@example.com"},
        {"subject": "x\x1cBcc : evil@example.com"},
        {"subject": "x\u2028Bcc : evil@example.com"},
        {"subject": "x\n\n"},
        {"sender": "app@example.com\nBcc: evil@example.com"},
        {"to": "ann@example.com\r\nBcc: evil@example.com"},
        {"to": ["ann@example.com", "x@example.com\n"]},
        {"cc": "x@example.com\n.\nMAIL FROM"},
        {"reply_to": "x@example.com\nBcc: evil@example.com"},
        {"headers": {"References": "x\nBcc: evil@example.com"}},
        {"headers": {"References": "x\n\n body"}},
        {"attachments": [("a.txt\nBcc: evil@example.com", b"x")]},
    ],
    ids=str,
)
def test_header_can_be_no_second_header(office: Office, facts: dict[str, Any]) -> None:
    whole = {
        **{"sender": "app@example.com", "to": "ann@example.com"},
        **{"subject": "s", "body": "b", **facts},
    }
    with pytest.raises((mail.Error, ValueError, apiproxy_errors.ApplicationError)):
        mail.EmailMessage(**whole).send()
    assert office.mails.facts() == []
    assert office.woken == 0


@pytest.mark.parametrize(
    "address",
    ["nobody", "@", "a@", "@b", "a b@c", "a@b>, <c", "a@b\0", ""],
)
def test_what_is_no_address_is_refused(office: Office, address: str) -> None:
    with pytest.raises((mail.BadRequestError, mail.Error)):
        mail.send_mail("app@example.com", ["ann@example.com", address], "s", "b")
    with pytest.raises((mail.BadRequestError, mail.Error)):
        mail.send_mail(address, "ann@example.com", "s", "b")
    assert office.mails.facts() == []


def test_administrators_get_what_is_for_them(office: Office) -> None:
    mail.send_mail_to_admins("app@example.com", "s", "b")
    facts, data = office.only()
    assert facts.recipients == ("root@example.com",)
    assert email.message_from_bytes(data)["To"] == "root@example.com"


def test_mail_to_no_administrator_is_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.admins = []
    office.install(monkeypatch)
    mail.send_mail_to_admins("app@example.com", "s", "b")
    assert office.only()[0].state is MailState.KEPT
    assert "--admins names none" in caplog.text


def test_app_hears_that_its_mail_cannot_be_stored(office: Office) -> None:
    office.disk.refusal = StorageError("the disk is full")
    with pytest.raises(apiproxy_errors.ApplicationError, match="the disk is full"):
        mail.send_mail("app@example.com", "ann@example.com", "s", "b")
    office.disk.refusal = None
    assert office.woken == 0


def test_mail_that_is_kept_in_the_store_wakes_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.is_sent = False
    office.install(monkeypatch)
    mail.send_mail("app@example.com", "not an address", "s", "b", bcc="c@example.com")
    facts, data = office.only()
    assert (facts.state, office.woken) == (MailState.KEPT, 0)
    assert b"Bcc: c@example.com" in data


def test_every_try_has_the_same_message_id(
    office: Office, wait_until: Callable[..., Any]
) -> None:
    mail.send_mail("app@example.com", "ann@example.com", "s", "b")
    first = office.mails.take(1e12, 1e12)
    second = office.mails.take(1e12, 1e12)
    assert first is not None
    assert second is not None
    assert first.data == second.data
