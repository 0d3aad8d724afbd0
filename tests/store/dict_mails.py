"""The contract of mails over a dict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from channelshim.contracts.mails import (
    MAIL_PATIENCE_SECONDS,
    Envelope,
    MailCounts,
    MailFacts,
    MailState,
    OutgoingMail,
)
from channelshim.store import mail_rows


@dataclass(frozen=True)
class DictMail:
    """A mail with all that is known of it."""

    facts: MailFacts
    sender: str
    gives_up_at: float
    is_taken: bool
    data: bytes
    given_up: tuple[str, ...] = ()


class DictMails:
    """The mails of a store of dicts."""

    def __init__(
        self,
        read: Callable[[], Any],
        write: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._read = read
        self._write = write

    def add(self, data: bytes, now: float, envelope: Envelope | None = None) -> int:
        with self._write() as tables:
            mails = tables.mails
            number: int = tables.counters.get("mail", 0) + 1
            tables.counters["mail"] = number
            state = MailState.KEPT
            if envelope is not None:
                state = MailState.WAITING
                waiting = self._of(mails, state)
                sizes = sum(each.facts.size for each in waiting)
                mail_rows.check_room(len(waiting), sizes, len(data))
            recipients = () if envelope is None else envelope.recipients
            mails[number] = DictMail(
                MailFacts(number, now, state, recipients, 0, now, "", "", len(data)),
                "" if envelope is None else envelope.sender,
                now + MAIL_PATIENCE_SECONDS,
                False,
                data,
            )
            self._forget_oldest(mails, state)
        return number

    def take(self, now: float, until: float) -> OutgoingMail | None:
        with self._write() as tables:
            due = [
                each
                for each in self._of(tables.mails, MailState.WAITING)
                if each.facts.due_at <= now
            ]
            if not due:
                return None
            mail = min(due, key=lambda each: (each.facts.due_at, each.facts.number))
            facts = dataclasses.replace(
                mail.facts, due_at=until, tries=mail.facts.tries + 1
            )
            tables.mails[facts.number] = dataclasses.replace(
                mail, facts=facts, is_taken=True
            )
        return OutgoingMail(
            facts.number,
            Envelope(mail.sender, facts.recipients),
            facts.tries,
            mail.gives_up_at,
            facts.refused,
            mail.data,
            mail.given_up,
        )

    def settle(
        self,
        mail: OutgoingMail,
        state: MailState,
        *,
        recipients: Sequence[str] = (),
        given_up: Sequence[str] = (),
        due_at: float = 0.0,
        refused: str = "",
        trouble: str = "",
    ) -> None:
        longest = mail_rows.LONGEST_REASON
        with self._write() as tables:
            found = tables.mails.get(mail.number)
            if found is None or found.facts.tries != mail.tries:
                return
            if found.facts.state is not MailState.WAITING:
                return
            facts = dataclasses.replace(
                found.facts,
                state=state,
                recipients=tuple(recipients),
                due_at=due_at,
                refused=refused[:longest],
                trouble=trouble[:longest],
            )
            tables.mails[mail.number] = dataclasses.replace(
                found, facts=facts, is_taken=False, given_up=tuple(given_up)
            )
            self._forget_oldest(tables.mails, state)

    def release(self) -> None:
        with self._write() as tables:
            for number, mail in tuple(tables.mails.items()):
                if mail.is_taken:
                    facts = dataclasses.replace(mail.facts, due_at=0.0)
                    tables.mails[number] = dataclasses.replace(
                        mail, facts=facts, is_taken=False
                    )

    def retry(self, number: int, now: float) -> bool:
        with self._write() as tables:
            mail = tables.mails.get(number)
            states = (MailState.WAITING, MailState.FAILED)
            if mail is None or mail.is_taken or mail.facts.state not in states:
                return False
            recipients = tuple(dict.fromkeys(mail.given_up + mail.facts.recipients))
            if not recipients:
                return False
            facts = dataclasses.replace(
                mail.facts,
                state=MailState.WAITING,
                recipients=recipients,
                due_at=now,
                refused="",
                trouble="",
            )
            tables.mails[number] = dataclasses.replace(
                mail,
                facts=facts,
                given_up=(),
                gives_up_at=now + MAIL_PATIENCE_SECONDS,
            )
            return True

    def delete(self, number: int) -> bool:
        with self._write() as tables:
            return tables.mails.pop(number, None) is not None

    def facts(self) -> Sequence[MailFacts]:
        mails = self._read().mails
        return [mails[number].facts for number in sorted(mails, reverse=True)]

    def read(self, number: int, most: int = -1) -> bytes | None:
        mail = self._read().mails.get(number)
        if mail is None:
            return None
        data: bytes = mail.data
        return data if most < 0 else data[:most]

    def counts(self) -> MailCounts:
        mails = self._read().mails
        waiting = [each.facts for each in self._of(mails, MailState.WAITING)]
        return MailCounts(
            len(waiting),
            len(self._of(mails, MailState.FAILED)),
            min((each.due_at for each in waiting), default=None),
            min((each.added_at for each in waiting), default=None),
        )

    def _of(self, mails: dict[int, DictMail], state: MailState) -> list[DictMail]:
        return [each for each in mails.values() if each.facts.state is state]

    def _forget_oldest(self, mails: dict[int, DictMail], state: MailState) -> None:
        if state is not MailState.WAITING:
            numbers = sorted(each.facts.number for each in self._of(mails, state))
            for number in numbers[: -mail_rows.MAILS_KEPT]:
                del mails[number]
