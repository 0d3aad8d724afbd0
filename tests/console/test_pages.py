"""What holds for every page: HTML and JSON, bounds, messages, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from channelshim.composition.settings import Settings
from channelshim.composition.settings_in_force import settings_in_force
from channelshim.console.menu import GROUPS, PAGES
from channelshim.console.messages import MOST_MESSAGES, Messages
from channelshim.console.page import Part, part_of
from channelshim.console.rates import MOST_SAMPLES, Rates
from tests.console.site import HOSTILE, Site, is_escaped

LISTED = [page for page in PAGES if page.is_in_menu]


@pytest.mark.parametrize("page", LISTED, ids=lambda page: page.path)
def test_page_of_the_menu_is_html_and_json(site: Site, page: object) -> None:
    path = page.path  # type: ignore[attr-defined]
    answer = site.client.get(path)
    assert answer.content_type == "text/html"
    for each in LISTED:
        assert f'href="{each.path}"' in answer.text
    assert answer.text.count('aria-current="page"') == 1
    assert "data:image/svg+xml" in answer.text
    for asked in (
        site.client.get(path, {"format": "json"}),
        site.client.get(path, headers={"Accept": "application/json"}),
    ):
        assert asked.content_type == "application/json"
        assert "token" in asked.json


def test_every_page_has_a_group_of_the_menu_and_an_address_of_its_own() -> None:
    assert {page.group for page in PAGES} <= set(GROUPS)
    assert len({page.path for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=1.5", "offset=-1", "offset=x", f"offset={10**40}"],
)
def test_lists_are_bounded(site: Site, query: str) -> None:
    answer = site.client.get(f"/logs?{query}", status=400)
    assert query.partition("=")[0] in answer.text
    assert "error" in site.client.get(f"/logs?{query}&format=json", status=400).json


def test_query_that_is_not_utf8_is_refused_or_taken(site: Site) -> None:
    site.client.get("/%ff", status=400)
    for path in ("/?try=%ff", "/logs?text=%ff", "/channels?after=%ff"):
        assert site.client.get(path, expect_errors=True).status_int in (200, 400)


def test_part_reads_no_further_than_needed() -> None:
    rows = iter(range(10))
    assert part_of(rows, 2, 3) == Part([2, 3, 4], 2, 3, True)
    assert next(rows) == 6
    assert part_of(range(3), 2, 3) == Part([2], 2, 3, False)


def test_unknown_page_file_and_action_are_refused(site: Site) -> None:
    assert "no such page" in site.client.get("/nothing", status=404).text.lower()
    site.client.get("/static/../page.py", status=404)
    site.client.get("/static/base.html", status=404)
    assert site.client.get("/nothing?format=json", status=404).json["error"]
    for action in ("nothing", "", "__init__", "ne", HOSTILE):
        answer = site.post("/channels", action, status=400)
        assert is_escaped(answer.text)


def test_message_is_shown_once(site: Site) -> None:
    site.attach("ann")
    answer = site.post("/channels", "send_all", message="hello")
    assert answer.status_int == 303
    place = answer.headers["Location"]
    assert "Sent to 1 client ids." in site.client.get(place).text
    assert "Sent to" not in site.client.get(place).text


def test_messages_that_nobody_reads_are_bounded() -> None:
    messages = Messages()
    keys = [messages.keep(str(number)) for number in range(MOST_MESSAGES + 1)]
    assert messages.take(keys[0]) == ""
    assert messages.take(keys[-1]) == str(MOST_MESSAGES)


def test_rate_is_what_lies_between_two_looks() -> None:
    rates = Rates()
    assert rates.sample("a", 100, 10.0) is None
    assert rates.sample("a", 200, 10.5) is None
    assert rates.sample("a", 120, 12.0) == 10.0
    assert rates.sample("a", 500, 12.1) == 10.0
    assert rates.sample("a", 5, 14.0) == 0.0


def test_rates_are_bounded() -> None:
    rates = Rates()
    for number in range(MOST_SAMPLES + 1):
        rates.sample(str(number), 1, 0.0)
    assert rates.sample("0", 2, 10.0) is None
    assert rates.sample(str(MOST_SAMPLES), 2, 10.0) == 0.1


def test_page_that_fails_answers_500_and_says_what(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.client.get("/")
    counters = site.instance.status

    def fail() -> None:
        raise KeyError(HOSTILE)

    monkeypatch.setattr(counters, "counters", fail)
    answer = site.client.get("/", status=500)
    assert "KeyError" in answer.text
    assert is_escaped(answer.text)
    assert "the console&#39;s page" not in answer.text
    assert "the console's page / failed" in caplog.text
    assert site.client.get("/?format=json", status=500).json["error"]


def test_store_that_is_closed_is_a_sentence(site: Site) -> None:
    from channelshim.errors import StorageError

    site.client.get("/")

    def fail(after: str = "", limit: int = 100) -> None:
        raise StorageError("the disk is full")

    site.front.overview.known_ids = fail  # type: ignore[method-assign,assignment]
    answer = site.client.get("/channels", status=503)
    assert "the disk is full" in answer.text


def test_stylesheet_and_mark_are_served(site: Site) -> None:
    assert site.client.get("/static/look.css").content_type == "text/css"
    assert site.client.get("/favicon.ico").content_type == "image/svg+xml"
    for name in re.findall(r'src="(/static/[^"]+)"', site.client.get("/").text):
        assert site.client.get(name).content_type == "text/javascript"


# --- Overview -------------------------------------------------------------------------


def test_overview_shows_handlers_settings_and_figures(tmp_path: Path) -> None:
    url = "redis://app:pa55word@192.0.2.1:6379/3"
    site = Site(tmp_path, grace_seconds=3, signing_secrets="s" * 40)
    values = {
        each.name: each.value for each in settings_in_force(Settings(memcache=url))
    }
    assert values["memcache"] == "redis://app@192.0.2.1:6379/3"
    facts = site.client.get("/?format=json").json
    assert facts["app"]["application_id"] == "steered"
    (module,) = facts["modules"]
    assert [each["url"] for each in module["handlers"]] == [
        "/static",
        "/private.*",
        "/raises",
        "/.*",
    ]
    rows = {row["name"]: row for group in facts["settings"].values() for row in group}
    assert rows["grace_seconds"]["value"] == "3.0"
    assert rows["grace_seconds"]["origin"] == "a flag or argument"
    assert rows["port"]["origin"] == "default"
    assert rows["signing_secrets"]["value"] == "set"
    assert "s" * 40 not in json.dumps(facts)
    assert facts["figures"]["memory_bytes"] > 1 << 20
    assert facts["figures"]["store_bytes"] > 0
    page = site.client.get("/").text
    assert "grace_seconds" in page
    assert "s" * 40 not in page
    site.close()


@pytest.mark.parametrize(
    ("path", "taker"),
    [
        ("/static/x.png", "/static"),
        ("/private/x?y=1", "/private.*"),
        ("/other", "/.*"),
        ("nothing", None),
    ],
)
def test_overview_tells_which_handler_takes_a_path(
    site: Site, path: str, taker: str | None
) -> None:
    (module,) = site.client.get("/", {"try": path, "format": "json"}).json["modules"]
    assert (module["taker"] and module["taker"]["url"]) == taker
    assert "goes to" in site.client.get("/", {"try": path}).text or taker is None


def test_overview_shows_what_is_wrong(site: Site) -> None:
    site.instance.status.check("x", lambda: HOSTILE)
    answer = site.client.get("/", {"try": HOSTILE})
    assert is_escaped(answer.text)
    assert "{{7*7}}" in answer.text
    assert site.client.get("/status?format=json").json["problems"] == {"x": HOSTILE}
    assert is_escaped(site.client.get("/status").text)
