"""Hands a mail to this machine's own mail system, by its program `sendmail`."""

from __future__ import annotations

import os
import subprocess
from typing import Final

from channelshim.contracts.mails import OutgoingMail, SendmailRoute
from channelshim.jobs.mail_outcomes import Outcome, RouteDown
from channelshim.runtime.log_text import one_line

SENDMAIL_SECONDS: Final = 120.0
"""It only queues the mail."""

_FOR_GOOD: Final = frozenset(
    {os.EX_USAGE, os.EX_DATAERR, os.EX_NOUSER, os.EX_NOHOST, os.EX_NOPERM}
)
"""Exit statuses after which another try would end the same. Source: sysexits.h."""

_SHOWN_LETTERS: Final = 200


class SendmailDelivery:
    """Delivers by a program: jobs.mail_outcomes.Delivery.

    Args:
        route: names it.
    """

    def __init__(self, route: SendmailRoute) -> None:
        self._route = route

    def deliver(self, mail: OutgoingMail) -> Outcome:
        """See jobs.mail_outcomes.Delivery."""
        envelope = mail.envelope
        # No shell; and behind -- no address is an option. The line ends are those of
        # this system, and a line with a dot alone does not end the mail.
        command = [self._route.program, "-i", "-f", envelope.sender, "--"]
        try:
            done = subprocess.run(
                [*command, *envelope.recipients],
                input=mail.data.replace(b"\r\n", b"\n"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SENDMAIL_SECONDS,
                check=False,
            )
        except OSError as error:
            raise RouteDown(f"it cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise RouteDown("it does not end") from error
        outcome = Outcome()
        if done.returncode:
            printed = done.stdout.decode("utf-8", "replace")
            text = one_line(" ".join(printed.split()))[:_SHOWN_LETTERS]
            code = 550 if done.returncode in _FOR_GOOD else 450
            reason = f"sendmail ended with status {done.returncode}: {text}"
            outcome.note(envelope.recipients, code, reason)
        return outcome
