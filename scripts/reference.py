"""Write the pages of docs/ that come from the code; PAGES has each.

`scripts/docs` calls it; `--check` writes nothing and exits with 1 on a stale page.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.keywords_module import keywords_module

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "channelshim"
REFERENCE = ROOT / "docs" / "reference"

SETTINGS_HEAD = """\
# Settings

This page lists every setting. One table feeds the keyword arguments of
`channelshim.install`, `wrap`, `application` and `serve`, the variables `CHANNELSHIM_*`,
and the flags of `dev_appserver.py` and `channelshim serve`.
A keyword argument or flag wins over the variable, the variable over the default; an
unknown name is an error. A flag takes underscores or dashes: `--storage_path` is
`--storage-path`. Several texts are separated by commas. Yes is any of `1 true yes on`,
no any of `0 false no off`.

This page is written from `channelshim/composition/settings.py` by `scripts/docs`.
"""

SETTINGS_GROUP = """
## {}

| keyword | variable | flag | default | values | what it sets |
|---|---|---|---|---|---|
"""

ERRORS_HEAD = """\
# Errors

This page lists the exceptions that channelshim itself raises; their messages are in
[Troubleshooting](../how-to/troubleshooting.md#every-message). Google's own classes,
such as `InvalidChannelClientIdError`, are raised where Google raised them and under
Google's names; they are not in this tree. A browser gets a short,
fixed text; everything else is in the log.

This page is written from the classes' docstrings by `scripts/docs`.

"""


OLD_FLAGS_HEAD = """\
# Flags of the old server

This page lists the flags of the old `dev_appserver.py`, which today's and
`channelshim serve` take all the same, with underscores or dashes, `--flag=value` or
`--flag value`. A flag that never existed is refused in one sentence.

Settings of today keep their old names; they are on [a page of their own](settings.md):
`--host --port --admin_host --admin_port --storage_path --clear_datastore --log_level
--application --require_indexes --auto_id_policy --automatic_restart
--enable_task_running --env_var --smtp_host --smtp_port --smtp_user
--enable_sendmail`; a password is not taken on a command line
([Send the app's mail](../how-to/send-mail.md)).

This page is written from `channelshim/cli/old_flags.py` by `scripts/docs`.

## Flags by another name

| flag | is |
|---|---|
"""

KEYWORDS = "../../channelshim/composition/keywords.py"
TROUBLESHOOTING = "../how-to/troubleshooting.md"

DOORS_HEAD = """\
# What holds at which door

This page says what requests from outside may do. They are held to the same rules
however the app is served. The columns are the ways to serve it, its doors: our
own server (`dev_appserver.py`, `channelshim serve`,
`channelshim.serve()`) where only this machine reaches it, and where others do; and
`channelshim.wrap()` and `channelshim.application()` under gunicorn, waitress, Paste and
the like. "This machine" means 127.0.0.0/8 and `::1`. A proxy on this machine counts as
this machine for `Host`; for the login the client counts that a proxy in
`trusted_proxies` forwards.

The rows about the login are those of the development login, `login=dev`. The others ask
for proof and are open to everybody, at every door; a header that says who has logged in
counts from `trusted_proxies` alone ([Log people in](../how-to/log-people-in.md)).

What app.yaml says, door by door, is
[on its own page](app-yaml.md#what-holds-under-which-door).

This page is written from `channelshim/composition/rules.py` by `scripts/docs`;
`tests/doors/test_rules.py` tries each cell on servers of every make.

"""

INERT_HEAD = """
## Flags without effect

Each is taken, with its value, and says in one line that it has no effect.

| flag | what holds here |
|---|---|
"""


@dataclass(frozen=True)
class ErrorClass:
    """One class of the tree."""

    name: str
    base: str
    module: str
    docstring: str


def settings_page() -> str:
    """Return docs/reference/settings.md."""
    from channelshim.composition.settings import GROUPS, PREFIX, SETTINGS

    page = SETTINGS_HEAD
    for group in GROUPS:
        rows = [
            f"| `{setting.name}` | `{PREFIX}{setting.name.upper()}` "
            f"| {_flag(setting)} | {_default(setting.default)} "
            f"| {_values(setting)} | {_cell(setting.help)} |"
            for setting in SETTINGS
            if setting.group == group
        ]
        page += SETTINGS_GROUP.format(group) + "\n".join(rows) + "\n"
    return page


def _flag(setting: Any) -> str:
    # Whoever is logged in on the machine can read a command line.
    return "" if setting.is_secret else f"`--{setting.name.replace('_', '-')}`"


def _values(setting: Any) -> str:
    """Return what a setting takes, as a cell."""
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.type in (int, float):
        from channelshim.composition.setting_values import bounds

        return bounds(setting)
    kinds = {bool: "yes, no", tuple: "texts", dict: "NAME=VALUE"}
    return kinds.get(setting.type, "text")


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "no" if not value else "yes"
    if value in ("", (), None) or value == {}:
        return ""
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}".replace(",", "\u202f")
    return str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def old_flags_page() -> str:
    """Return docs/reference/old-flags.md."""
    from channelshim.cli import old_flags

    same = {f"--{name}": f"--{now}" for name, now in old_flags.RENAMED.items()}
    same |= {f"--{name}": on for name, (on, _) in old_flags.SWITCHES.items()}
    same |= {f"-{letter}": f"--{now}" for letter, now in old_flags.SHORT.items()}
    same |= {f"-{letter}": now for letter, now in old_flags.SHORT_SWITCHES.items()}
    rows = [f"| `{name}` | `{now}` |" for name, now in same.items()]
    by_reason: dict[str, list[str]] = {}
    for flag in old_flags.INERT:
        by_reason.setdefault(flag.instead, []).append(f"`--{flag.name}`")
    reasons = sorted(by_reason.items(), key=lambda item: not item[0])
    inert = [f"| {' '.join(flags)} | {_cell(why)} |" for why, flags in reasons]
    return OLD_FLAGS_HEAD + "\n".join([*rows, INERT_HEAD + inert[0], *inert[1:]]) + "\n"


MODULES_HEAD = """\
## Modules of the old SDK

Every module of SDK 1.9.88 can be imported. This table says what becomes of it; a row
holds for all below it that has no row of its own. `channelshim doctor` reads the same
table, `channelshim/appengine/surface.py`, which `scripts/docs` writes here.

| module | what becomes of it | |
|---|---|---|
"""


def services_page() -> str:
    """Return docs/reference/services.md: its own head, and the table of modules."""
    from channelshim.appengine import surface

    title = MODULES_HEAD.partition("\n")[0]
    head = (REFERENCE / "services.md").read_text("utf-8").partition(title)[0]
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in (*surface.ROWS, *surface.FALLBACKS):
        note = _cell(row.note)
        if row.needs is not None:
            note = f"needs `pip install '{row.needs[1]}'`"
        name = f"`{row.name.removeprefix('google.appengine.')}`"
        grouped.setdefault((row.status.value, note), []).append(name)
    rows = [
        f"| {', '.join(names)} | {status} | {note} |"
        for (status, note), names in grouped.items()
    ]
    hooks = [
        f"| `{hook.prefix}{'…' if hook.prefix.endswith('_') else ''}` "
        f"| {'obeyed' if hook.is_obeyed else 'one warning'} | {_cell(hook.note)} |"
        for hook in surface.HOOKS
    ]
    lines = [*rows, HOOKS_HEAD + hooks[0], *hooks[1:]]
    return head + MODULES_HEAD + "\n".join(lines) + "\n"


HOOKS_HEAD = """
## Names that `appengine_config.py` may define

| name | what becomes of it | |
|---|---|---|
"""


def errors_page() -> str:
    """Return docs/reference/errors.md."""
    classes = error_classes()
    parts = [ERRORS_HEAD]
    for found in classes:
        first, _, rest = found.docstring.partition("\n\n")
        base = f", a `{found.base}`" if found.base != "Exception" else ""
        parts.append(f"## {found.name}\n\n")
        parts.append(f"`{found.module}.{found.name}`{base}. {first}\n\n")
        attributes = _attributes(rest)
        if attributes:
            parts.append("\n".join(attributes) + "\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def _attributes(rest: str) -> list[str]:
    """Return a list item for each fact that the docstring names."""
    items: list[str] = []
    in_section = False
    for line in rest.splitlines():
        if line.strip() in ("Args:", "Attributes:"):
            in_section = True
        elif not line.startswith("    "):
            in_section = in_section and not line.strip()
        elif in_section and line.startswith("        ") and items:
            items[-1] += " " + line.strip()
        elif in_section:
            name, _, text = line.strip().partition(": ")
            items.append(f"- `{name}`: {text}")
    return items


def error_classes() -> list[ErrorClass]:
    """Return the tree's classes, the root first, then by module and line."""
    bases = {"ChannelShimError": "Exception"}
    found: dict[str, ErrorClass] = {}
    classes = [
        (node, path)
        for path in _modules()
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    size = -1
    # A class may stand in a file that is read before its base's.
    while size != len(found):
        size = len(found)
        for node, path in classes:
            _note(node, path, bases, found)
    order = {name: number for number, name in enumerate(found)}
    return sorted(
        found.values(),
        key=lambda one: (one.module != "channelshim.errors", order[one.name]),
    )


def _modules() -> list[Path]:
    paths = sorted(PACKAGE.rglob("*.py"))
    # Google's names, in Google's tree.
    return [path for path in paths if path.relative_to(PACKAGE).parts[0] != "appengine"]


def _note(
    node: ast.ClassDef,
    path: Path,
    bases: dict[str, str],
    found: dict[str, ErrorClass],
) -> None:
    names = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    base = next((name for name in names if name in bases or name in found), None)
    if node.name == "ChannelShimError":
        base = "Exception"
    if base is None or node.name in found:
        return
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    docstring = ast.get_docstring(node) or ""
    found[node.name] = ErrorClass(node.name, base, module, docstring)


def doors_page() -> str:
    """Return docs/reference/doors.md."""
    from channelshim.composition.rules import RULES, Door

    head = ["what", *(door.value for door in Door)]
    rows = [head, ["---"] * len(head)]
    for rule in RULES:
        cells = list(rule.cells)
        for number in (2, 1):
            if cells[number] == cells[number - 1]:
                cells[number] = "the same"
        rows.append([rule.subject, *cells])
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return DOORS_HEAD + "\n".join(lines) + "\n"


def troubleshooting_page() -> str:
    """Return docs/how-to/troubleshooting.md: its own head, and every message."""
    from scripts.message_groups import TITLE, section
    from scripts.messages import find_messages

    head = (REFERENCE / TROUBLESHOOTING).read_text("utf-8").partition(TITLE)[0]
    classes = frozenset(found.name for found in error_classes())
    return head + section(find_messages(classes).messages)


def rooms_picture() -> str:
    """Return docs/explanation/img/rooms.svg."""
    from scripts.rooms_picture import picture

    return picture(PACKAGE)


PAGES = {
    "doors.md": doors_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "old-flags.md": old_flags_page,
    "services.md": services_page,
    KEYWORDS: keywords_module,
    TROUBLESHOOTING: troubleshooting_page,
    "../explanation/img/rooms.svg": rooms_picture,
}


def stale_pages() -> list[str]:
    """Return the names of the pages that differ from what the code says."""
    stale = []
    for name, build in PAGES.items():
        path = REFERENCE / name
        if not path.is_file() or path.read_text("utf-8") != build():
            stale.append(name)
    return stale


def main() -> int:
    """Write the pages, or check them, and return the exit status."""
    if "--check" in sys.argv[1:]:
        for name in stale_pages():
            print(f"docs/reference/{name} is stale: run scripts/docs", file=sys.stderr)
        return 1 if stale_pages() else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in stale_pages():
        (REFERENCE / name).write_text(PAGES[name](), "utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
