"""Hands a mail to this machine's own mail system, by its program `sendmail`."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
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
_SHOWN_BYTES: Final = 4096


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
        outcome = Outcome()
        # A file: of a pipe, what the program leaves in the background may keep an end.
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(
                    [*command, *envelope.recipients],
                    input=mail.data.replace(b"\r\n", b"\n"),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=SENDMAIL_SECONDS,
                    check=False,
                )
            except OSError as error:
                if error.errno == errno.E2BIG:
                    outcome.note(envelope.recipients, 550, "too many recipients")
                    return outcome
                raise RouteDown(f"it cannot be started: {error.strerror}") from error
            except subprocess.TimeoutExpired:
                # It may have the mail.
                outcome.note(envelope.recipients, 450, "sendmail does not end")
                return outcome
            output.seek(0)
            printed = output.read(_SHOWN_BYTES).decode("utf-8", "replace")
        if done.returncode:
            text = one_line(" ".join(printed.split()))[:_SHOWN_LETTERS]
            code = 550 if done.returncode in _FOR_GOOD else 450
            reason = f"sendmail ended with status {done.returncode}: {text}"
            outcome.note(envelope.recipients, code, reason)
        return outcome
