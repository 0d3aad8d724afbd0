"""The pages of mails, by what a person does on them."""

from __future__ import annotations

import email
import email.policy

import pytest
from google.appengine.api import mail

from channelshim.services.admin import outbox
from channelshim.services.admin.mail_boxes import FolderBox
from tests.console.services.conftest import HOSTILE, Visitor

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def send(visitor: Visitor, **facts: object) -> int:
    """Have the app send a mail; return its number."""
    facts = {
        "sender": "app@example.com",
        "to": "you@example.com",
        "subject": "s",
        "body": "b",
        **facts,
    }
    mail.EmailMessage(**facts).send()
    return int(visitor.json("/mail")["mails"]["rows"][0]["number"])


def test_sent_mails_are_listed_latest_first(visitor: Visitor) -> None:
    assert visitor.json("/mail")["count"] == 0
    send(visitor, subject="first")
    send(visitor, subject="se\u00e4cond", attachments=[("a.txt", b"x")])
    visitor.get("/mail")
    rows = visitor.json("/mail")["mails"]["rows"]
    assert [row["subject"] for row in rows] == ["se\u00e4cond", "first"]
    assert [row["has_attachments"] for row in rows] == [True, False]


def test_mail_is_shown_as_text_html_and_files(visitor: Visitor) -> None:
    number = send(
        visitor,
        body="plain \u00e9",
        html="<p>rich <img src='cid:pic'></p>",
        attachments=[
            ('ev\u00efl".html', b"<script>alert(1)</script>"),
            mail.Attachment("pic.png", PNG, content_id="<pic>"),
        ],
    )
    page = visitor.get(f"/mail/message?number={number}")
    assert "plain \u00e9" in page.text
    frame = page.html.find("iframe")
    assert list(frame["sandbox"]) == []
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    inner = visitor.site.get(frame["src"])
    assert "sandbox;" in inner.headers["Content-Security-Policy"]
    assert "default-src 'none'" in inner.headers["Content-Security-Policy"]
    assert inner.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert b"data:image/png;base64," in inner.body
    files = visitor.json(f"/mail/message?number={number}")["mail"]["attachments"]
    part = next(each for each in files if "html" in each["filename"])
    answer = visitor.site.get(f"/mail/part?number={number}&part={part['number']}")
    assert answer.body == b"<script>alert(1)</script>"
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert (
        "/"
        not in answer.headers["Content-Disposition"]
        .partition("filename=")[2]
        .partition(";")[0]
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_html_of_a_mail_can_run_nothing(visitor: Visitor) -> None:
    html = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    html += "<form action=/mail method=post>"
    number = send(visitor, html=html)
    answer = visitor.site.get(f"/mail/html?number={number}")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["Content-Security-Policy"].split(";")
    )
    # No allow-scripts, no allow-same-origin, no allow-forms: an origin of its own.
    assert policy["sandbox"] == ""
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == "'none'"
    assert "script-src" not in policy
    assert "<script>alert" not in visitor.get(f"/mail/message?number={number}").text


def test_raw_mail_is_saved_and_mail_is_deleted(visitor: Visitor) -> None:
    number = send(visitor, subject=HOSTILE)
    raw = visitor.site.get(f"/mail/part?number={number}")
    assert raw.headers["Content-Disposition"].startswith("attachment")
    assert email.message_from_bytes(raw.body)["To"] == "you@example.com"
    visitor.get(f"/mail/message?number={number}")
    visitor.get("/mail")
    assert visitor.do(f"/mail/message?number={number}", "delete") == "Deleted."
    for path in ("message", "html", "part"):
        visitor.get(f"/mail/{path}?number={number}", status=404)
    visitor.get("/mail/message?number=../../x", status=400)


STRANGE = (
    b"",
    b"\x00\xff" * 100,
    b"Subject: =?nonsense?q?x?=\nFrom: =?utf-8?b?////?=\n\nbody",
    b"Content-Type: text/html; charset=nonsense\n\n<script>x</script>\xff",
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx",
    b"Content-Type: multipart/mixed\n\n--b\n",
    b"Content-Disposition: attachment; filename*=utf-8''%ff%fe\nContent-Type: x\n\n",
    b"Content-Transfer-Encoding: base64\nContent-Type: image/png\n\n!!!",
    b"Subject: \xff\xfe\nTo: \x00\r\n\r\n\x00",
    b"Content-Type: message/rfc822\n\nSubject: inner\n\nx",
    b"Content-Type: text/plain; charset*=x''\n\nx",
)


@pytest.mark.parametrize("data", STRANGE)
def test_strange_mail_breaks_no_page(visitor: Visitor, data: bytes) -> None:
    folder = visitor.folder / "mail"
    folder.mkdir(parents=True)
    (folder / "000001.eml").write_bytes(data)
    (folder / "note.eml").write_bytes(b"no mail of ours")
    visitor.get("/mail")
    assert visitor.json("/mail")["count"] == 1
    visitor.get("/mail/message?number=1")
    mail_facts = visitor.json("/mail/message?number=1")["mail"]
    for each in mail_facts["attachments"]:
        visitor.site.get(f"/mail/part?number=1&part={each['number']}")


def test_mail_with_files_reaches_the_app(visitor: Visitor) -> None:
    fields = [
        ("token", visitor.token),
        ("action", "send"),
        ("from", "N\u00e4me <me@example.com>"),
        ("to", "App <to+x@app.appspotmail.com>, other@x.y"),
        ("cc", "cc@example.com"),
        ("subject", "S\u00fcbject"),
        ("text", "line\r\n\u00e9"),
        ("html", "<b>x</b>"),
    ]
    answer = visitor.site.post(
        "/mail",
        fields,
        upload_files=[("file", "a\u00e4.bin", b"\x00\xff"), ("file", "b.txt", b"t")],
        status=303,
    )
    page = visitor.get(answer.headers["Location"])
    assert "the app answered 200" in page.text
    (request,) = visitor.app.seen
    assert request.path == "/_ah/mail/to%2Bx@app.appspotmail.com"
    assert request.content_type == "message/rfc822"
    message = email.message_from_bytes(request.body, policy=email.policy.default)
    assert message["Subject"] == "S\u00fcbject"
    assert message["From"].addresses[0].display_name == "N\u00e4me"
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content() == "line\r\n\u00e9\r\n"
    files = {
        part.get_filename(): part.get_content() for part in message.iter_attachments()
    }
    assert files["a\u00e4.bin"] == b"\x00\xff"
    assert set(files) == {"a\u00e4.bin", "b.txt"}


def test_app_without_a_mail_handler_is_named(visitor: Visitor) -> None:
    visitor.app.status = 404
    sent = {"from": "a@b.c", "to": "d@e.f"}
    assert "no handler for mail to d@e.f" in visitor.refuse("/mail", "send", sent)


@pytest.mark.parametrize(
    "sent",
    [
        {"to": ""},
        {"to": "nobody"},
        {"to": "a@b.c", "subject": "x\nBcc: y"},
        {"to": "a@b.c\r\nBcc: d@e.f"},
        {"to": HOSTILE},
    ],
)
def test_wrong_mail_is_refused(visitor: Visitor, sent: dict[str, str]) -> None:
    assert visitor.refuse("/mail", "send", {"from": "a@b.c", **sent})
    assert visitor.app.seen == []


def test_many_mails_are_paged(visitor: Visitor) -> None:
    folder = visitor.folder / "mail"
    folder.mkdir(parents=True)
    for number in range(1, 101):
        (folder / f"{number:06}.eml").write_bytes(b"Subject: s\n\n")
    assert outbox.count(FolderBox(folder)) == 100
    facts = visitor.json("/mail?limit=40&offset=80")["mails"]
    assert [row["number"] for row in facts["rows"]] == list(range(20, 0, -1))
    assert not facts["has_more"]
