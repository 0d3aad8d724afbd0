"""docs/how-to/troubleshooting.md has each message of every error of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelshim.errors import StoreInUse
from scripts.message_groups import GROUPS, group_of
from scripts.messages import HOLE, Found, Message, find_messages
from scripts.reference import error_classes
from tests.lanes import ROOT

PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"

CLASSES = frozenset(found.name for found in error_classes())

OPAQUE = {
    "appyaml/cron.py:_parse_job": "that of appyaml/schedule.py, with file and line",
    "broker/redis/clients.py:reach": "that of a BrokerError, once there is no hope",
    "composition/accounts.py:_change": "what `answer` says where the store is",
    "composition/accounts.py:_hash_of": "what passwords.complaint says",
    "composition/processes.py:_live": "what the app process says",
    "composition/serving.py:run": "that of composition/processes.py, which gave up",
    "server/pipe_pool.py:_refuse": "whatever the frame's handler raised",
    "transports/frame_parser.py:_refusal": "what the websockets library says",
}
"""Call to why its sentence is not written where the error is made."""


@pytest.fixture(scope="module")
def found() -> Found:
    """Return what the package has."""
    return find_messages(CLASSES)


def _is_on(page: str, text: str) -> bool:
    return f"- `{text}`\n" in page or f"- `` {text} ``\n" in page


def test_every_message_is_on_the_page(found: Found) -> None:
    page = PAGE.read_text("utf-8")
    missing = [each for each in sorted(found.messages) if not _is_on(page, each.text)]
    assert missing == []


def test_every_message_has_a_group_and_every_group_a_message(found: Found) -> None:
    groups = {group_of(message) for message in found.messages}
    assert groups == set(GROUPS)


def test_every_sentence_is_found_or_has_a_reason(found: Found) -> None:
    assert found.opaque == OPAQUE.keys()


def test_message_that_a_person_sees_is_among_them(found: Found) -> None:
    seen = str(StoreInUse("/data/chat", 4711))
    expected = seen.replace("/data/chat", HOLE).replace("4711", HOLE)
    assert Message("errors.py", expected) in found.messages


WAYS = {
    "raise Wrong('plain')": {"plain"},
    "raise Wrong(f'a {x} and {y!r}')": {"a … and …"},
    "raise Wrong('a ' + 'b')": {"a b"},
    "raise Wrong('a' if x else 'b')": {"a", "b"},
    "raise Wrong(x or 'b')": {"b"},
    "s = 'local'\n    raise Wrong(s)": {"local"},
    "s = part(x)\n    raise Wrong(f'it {s}')": {"it is one", "it is … long"},
    "raise Wrong(CONSTANT)": {"of the module"},
    "raise Wrong(ELSEWHERE)": {"of another"},
    "raise Wrong(limits.LIMIT)": {"a limit"},
    "raise made('by a function')": {"by a function"},
    "raise errors.Wrong(sentence='named')": {"named"},
    "raise Other('another class')": set(),
}
"""Body of a function to the messages that it has."""


def _package(tmp_path: Path, body: str) -> Path:
    package = tmp_path / "channelshim"
    (package / "room").mkdir(parents=True)
    (package / "limits.py").write_text("LIMIT: Final = 'a limit'\n")
    (package / "room" / "words.py").write_text("ELSEWHERE = 'of another'\n")
    (package / "room" / "parts.py").write_text(
        "from channelshim.room.words import ELSEWHERE\n"
        "CONSTANT = 'of the module'\n"
        "def part(x):\n"
        "    if x:\n        return 'is one'\n"
        "    return f'is {x} long'\n"
        "def made(sentence):\n    return Wrong(sentence)\n"
        f"def f(x, y):\n    {body}\n"
    )
    return package


@pytest.mark.parametrize("body", sorted(WAYS))
def test_sentence_is_found(body: str, tmp_path: Path) -> None:
    found = find_messages(frozenset({"Wrong"}), _package(tmp_path, body))
    assert {message.text for message in found.messages} == WAYS[body]
    assert found.opaque == set()


@pytest.mark.parametrize(
    "body", ["raise Wrong(str(y))", "raise Wrong(x.text)", "raise Wrong(f'{x}')"]
)
def test_sentence_that_cannot_be_found_is_reported(body: str, tmp_path: Path) -> None:
    found = find_messages(frozenset({"Wrong"}), _package(tmp_path, body))
    assert found.opaque == {"room/parts.py:f"}


def test_file_without_a_group_is_noticed() -> None:
    assert group_of(Message("attic/parts.py", "lost")) is None
