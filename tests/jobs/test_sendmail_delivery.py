"""Mail by this machine's program `sendmail`, of which the tests have one."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from channelshim.contracts.mails import Envelope, OutgoingMail, SendmailRoute
from channelshim.jobs.mail_outcomes import Outcome, RouteDown
from channelshim.jobs.sendmail_delivery import SendmailDelivery

MAIL = OutgoingMail(
    number=1,
    envelope=Envelope("app@example.com", ("-Xann@example.com", "bob@example.com")),
    tries=1,
    gives_up_at=0.0,
    refused="",
    data=b"Subject: x\r\n\r\n.\r\nend\r\n",
)


@pytest.fixture
def sendmail(tmp_path: Path) -> Callable[[str], SendmailDelivery]:
    """Return what makes a delivery of a shell script."""

    def make(body: str) -> SendmailDelivery:
        program = tmp_path / "sendmail"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        return SendmailDelivery(SendmailRoute(str(program)))

    return make


def test_mail_is_handed_over_as_it_is(
    sendmail: Callable[[str], SendmailDelivery], tmp_path: Path
) -> None:
    body = f'printf "%s|" "$@" > {tmp_path}/words; cat > {tmp_path}/mail'
    assert sendmail(body).deliver(MAIL) == Outcome()
    words = (tmp_path / "words").read_text()
    assert words == "-i|-f|app@example.com|--|-Xann@example.com|bob@example.com|"
    assert (tmp_path / "mail").read_bytes() == b"Subject: x\n\n.\nend\n"


@pytest.mark.parametrize(
    ("status", "is_for_good"),
    [(os.EX_NOUSER, True), (os.EX_DATAERR, True), (os.EX_TEMPFAIL, False), (1, False)],
)
def test_its_status_says_whether_to_try_again(
    sendmail: Callable[[str], SendmailDelivery], status: int, is_for_good: bool
) -> None:
    body = f"cat > /dev/null; echo why >&2; exit {status}"
    outcome = sendmail(body).deliver(MAIL)
    found = outcome.refused if is_for_good else outcome.deferred
    assert set(found) == set(MAIL.envelope.recipients)
    assert f"status {status}: why" in found["bob@example.com"]


def test_program_that_is_gone_holds_up_all_mail(tmp_path: Path) -> None:
    delivery = SendmailDelivery(SendmailRoute(str(tmp_path / "no")))
    with pytest.raises(RouteDown, match="cannot be started: No such file"):
        delivery.deliver(MAIL)


def test_what_the_program_leaves_running_is_not_waited_for(
    sendmail: Callable[[str], SendmailDelivery], tmp_path: Path
) -> None:
    body = f"cat > /dev/null; sleep 600 & echo $! > {tmp_path}/child"
    try:
        assert sendmail(body).deliver(MAIL) == Outcome()
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_more_recipients_than_a_command_may_have_are_refused(
    sendmail: Callable[[str], SendmailDelivery],
) -> None:
    many = tuple(f"{'x' * 60}{n}@example.com" for n in range(40_000))
    envelope = dataclasses.replace(MAIL.envelope, recipients=many)
    outcome = sendmail("exit 0").deliver(dataclasses.replace(MAIL, envelope=envelope))
    assert len(outcome.refused) == len(many)
