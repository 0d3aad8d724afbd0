"""The contract of passwords and of counted attempts; every back end passes these."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.store import Password
from channelshim.store.attempts import judge
from channelshim.store.sqlite.database import Database
from channelshim.store.sqlite.passwords import SqlitePasswords

NOW = 1_700_000_000.0


@pytest.fixture
def passwords(open_store: Any) -> Any:
    return open_store().passwords


def test_password_is_found_in_any_case(passwords: Any) -> None:
    ann = Password("Ann@Example.com", "$argon2id$1", NOW)
    passwords.put(ann)
    for email in ("Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"):
        assert passwords.get(email) == ann
    assert passwords.get("bob@example.com") is None


def test_password_is_replaced_in_any_case(passwords: Any) -> None:
    passwords.put(Password("Ann@example.com", "old", NOW))
    newer = Password("ann@EXAMPLE.com", "new", NOW + 1)
    passwords.put(newer)
    assert passwords.all() == [newer]


def test_removed_password_is_gone(passwords: Any) -> None:
    passwords.put(Password("ann@example.com", "x", NOW))
    assert passwords.remove("ANN@example.com") is True
    assert passwords.remove("ann@example.com") is False
    assert passwords.all() == []


def test_hash_is_replaced_only_while_it_is_the_old_one(passwords: Any) -> None:
    passwords.put(Password("Ann@example.com", "old", NOW))
    assert passwords.rehash("ann@EXAMPLE.com", "old", "new") is True
    assert passwords.get("ann@example.com") == Password("Ann@example.com", "new", NOW)
    assert passwords.rehash("ann@example.com", "old", "newer") is False
    assert passwords.rehash("bob@example.com", "old", "new") is False
    assert [each.hash for each in passwords.all()] == ["new"]


def test_all_come_by_email(passwords: Any) -> None:
    for email in ("Zoe@x", "ann@x", "Bob@x"):
        passwords.put(Password(email, "h", NOW))
    assert [each.email for each in passwords.all()] == ["ann@x", "Bob@x", "Zoe@x"]


def attempt(passwords: Any, key: str, now: float) -> float:
    wait: float = passwords.attempt(key, now, every_seconds=10.0, at_once=3)
    return wait


def test_attempts_are_counted_for_each_key(passwords: Any) -> None:
    assert [attempt(passwords, "a", NOW) for _ in range(3)] == [0, 0, 0]
    assert attempt(passwords, "a", NOW) == pytest.approx(10)
    assert attempt(passwords, "b", NOW) == 0
    # What had to wait has counted for nothing.
    assert attempt(passwords, "a", NOW + 4) == pytest.approx(6)
    assert attempt(passwords, "a", NOW + 10) == 0
    assert attempt(passwords, "a", NOW + 10) == pytest.approx(10)
    passwords.forgive("a")
    assert attempt(passwords, "a", NOW + 10) == 0


def test_clock_that_was_set_back_locks_nobody_out_for_long(passwords: Any) -> None:
    for _ in range(3):
        attempt(passwords, "a", NOW + 1e6)
    assert 0 < attempt(passwords, "a", NOW) <= 10
    assert attempt(passwords, "a", NOW + 11) == 0


def test_keys_are_bounded(tmp_path: Any) -> None:
    passwords = SqlitePasswords(Database(tmp_path), most=2)
    for _ in range(3):
        attempt(passwords, "old", NOW)
    for key in ("b", "c", "d", "e"):
        assert attempt(passwords, key, NOW) == 0
    # What is farthest from a full allowance stays.
    assert attempt(passwords, "old", NOW) > 0


@given(
    st.lists(st.floats(0, 100), max_size=60),
    st.integers(1, 5),
    st.sampled_from([0.5, 1.0, 7.0]),
)
def test_one_number_allows_what_a_bucket_of_tokens_does(
    pauses: list[float], at_once: int, every: float
) -> None:
    full_at, tokens, now = 0.0, float(at_once), NOW
    for pause in pauses:
        now += pause
        tokens = min(at_once, tokens + pause / every)
        verdict = judge(full_at, now, every_seconds=every, at_once=at_once)
        if abs(tokens - 1) > 1e-4:
            assert (verdict.wait_seconds == 0) == (tokens > 1)
        if verdict.wait_seconds == 0:
            tokens -= 1
        else:
            assert verdict.wait_seconds == pytest.approx((1 - tokens) * every, abs=1e-3)
        full_at = verdict.full_at
