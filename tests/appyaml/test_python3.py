"""app.yaml of the runtimes of Python 3."""

from __future__ import annotations

import pytest

from channelshim.appyaml.app import parse_app
from channelshim.appyaml.entrypoint import program_of


@pytest.mark.parametrize(
    ("entrypoint", "program"),
    [
        ("", "main.app"),
        ("gunicorn -b :$PORT main:app", "main.app"),
        ("gunicorn --workers=2 -b :$PORT shop.web:application", "shop.web.application"),
        ("uwsgi --http :8080 --wsgi-file x shop.wsgi", "shop.wsgi.application"),
        ("gunicorn 'main:create()'", ""),
        ("gunicorn 'main:app", ""),
        ("python main.py", ""),
        ("main:app", ""),
    ],
)
def test_entrypoint_names_the_program(entrypoint: str, program: str) -> None:
    assert program_of(entrypoint) == program


def test_auto_and_what_no_handler_matches_are_the_program() -> None:
    config = parse_app(
        "runtime: python312\napp_engine_apis: true\nentrypoint: gunicorn shop:web\n"
        "handlers:\n- url: /static\n  static_dir: static\n"
        "- url: /admin\n  script: auto\n  login: admin\n",
        read=lambda name: None,
    )
    assert [(each.url, each.target) for each in config.handlers] == [
        ("/static", "static"),
        ("/admin", "shop.web"),
        ("/.*", "shop.web"),
    ]
    assert config.warnings == ()


def test_program_that_starts_its_own_server_is_a_warning() -> None:
    config = parse_app(
        "runtime: python39\nentrypoint: python main.py\n", read=lambda name: None
    )
    assert [each.target for each in config.handlers] == ["main.app"]
    assert "names no WSGI application" in str(config.warnings[0])


def test_other_runtimes_stay_as_they_are() -> None:
    text = "runtime: python27\nhandlers:\n- url: /x\n  script: main.app\n"
    config = parse_app(text, read=lambda name: None)
    assert [each.url for each in config.handlers] == ["/x"]


@pytest.mark.parametrize(
    ("lines", "targets"),
    [
        ("- url: /a\n  script: one.app\n", ["one.app"]),
        ("- url: /a\n  script: auto\n", ["main.app", "main.app"]),
        ("- url: /a\n  static_dir: a\n", ["a", "main.app"]),
    ],
)
def test_the_rest_is_the_programs_unless_scripts_are_named(
    lines: str, targets: list[str]
) -> None:
    text = f"runtime: python39\nhandlers:\n{lines}"
    config = parse_app(text, read=lambda name: None)
    assert [each.target for each in config.handlers] == targets
