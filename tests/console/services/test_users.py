"""The page of users, by what a person does on it."""

from __future__ import annotations

from channelshim.contracts.identity import User, user_id_of
from channelshim.contracts.store import Account
from tests.console.services.conftest import HOSTILE, Visitor


def test_log_in_as_somebody_in_one_click(visitor: Visitor) -> None:
    assert visitor.json("/users")["current"] is None
    message = visitor.do("/users", "log_in", {"email": "a@example.com", "admin": "1"})
    assert "a@example.com, an administrator" in message
    facts = visitor.json("/users")
    assert (facts["current"], facts["is_admin"]) == ("a@example.com", True)
    (row,) = facts["accounts"]["rows"]
    assert (row["email"], row["is_admin"]) == ("a@example.com", True)
    assert row["user_id"] == user_id_of("a@example.com")
    visitor.do("/users", "log_in", {"email": "b@example.com"})
    assert visitor.json("/users")["is_admin"] is False
    visitor.do("/users", "log_out")
    assert visitor.json("/users")["current"] is None


def test_wrong_email_is_refused(visitor: Visitor) -> None:
    for email in ("", "nobody", "a@b:c", "@" * 500, "a@b\x00"):
        visitor.refuse("/users", "log_in", {"email": email})
    assert visitor.json("/users")["accounts"]["rows"] == []


def test_many_accounts_are_paged_and_found(visitor: Visitor) -> None:
    for number in range(120):
        email = f"u{number:03}@example.com"
        user = User(email, False, user_id_of(email))
        visitor.store.accounts.remember(Account(user, float(number)))
    rows = visitor.json("/users?limit=50&offset=100")["accounts"]["rows"]
    assert [row["email"] for row in rows][-1] == "u000@example.com"
    assert len(rows) == 20
    found = visitor.json("/users?find=U11")["accounts"]["rows"]
    assert len(found) == 10


def test_hostile_email_is_shown_as_text(visitor: Visitor) -> None:
    email = f"{HOSTILE}@x"
    visitor.store.accounts.remember(Account(User(email, True, "1"), 1e300))
    visitor.get("/users")
    visitor.get("/users", params={"find": HOSTILE})
