"""Which group of docs/how-to/troubleshooting.md a message is in, and what to do.

A message is in the first group one of whose prefixes its file begins with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from channelshim.limits import DESCRIPTION_INVALID_TOKEN, DESCRIPTION_TOKEN_EXPIRED
from scripts.messages import Message

TITLE = "## Every message"

HEAD = f"""\
{TITLE}

These are the messages of all errors that channelshim raises itself, by what they are
about. `…` stands for a name, a number or a reason. `scripts/docs` writes this list from
the code.
"""


@dataclass(frozen=True)
class Group:
    """A heading of the page.

    Attributes:
        title: the heading.
        advice: what a reader should know or do first.
        prefixes: beginnings of the paths, below channelshim/, that its messages are in.
    """

    title: str
    advice: str
    prefixes: tuple[str, ...]


GROUPS = (
    Group(
        "The app's YAML files",
        "Most of these begin with the file and the line. [The page on "
        "app.yaml](../reference/app-yaml.md) lists the keys and what each may be.",
        ("appyaml/", "composition/reading.py"),
    ),
    Group(
        "The app's code",
        "The traceback above the message has the app's own lines only. `channelshim "
        "doctor APP_DIR` lists everything that is missing at once.",
        (
            "appserver/scripts.py",
            "composition/app_slot.py",
            "composition/processes.py",
            "composition/serving.py",
        ),
    ),
    Group(
        "Settings and flags",
        "[Settings](../reference/settings.md) has every name with its type and bounds, "
        "[Flags of the old server](../reference/old-flags.md) the old ones.",
        (
            "cli/options.py",
            "cli/terminal.py",
            "composition/place.py",
            "composition/setting_values.py",
            "composition/settings",
            "kernel/log_file.py",
            "services/datastore_v3/ids.py",
        ),
    ),
    Group(
        "Addresses, proxies, certificates and logins",
        "[Deploy behind a proxy](deploy-behind-a-proxy.md) explains who can reach the "
        "server, [Serve https](serve-https.md) the certificates, [Log people "
        "in](log-people-in.md) the logins, [the "
        "console](console.md) its own address.",
        (
            "appserver/",
            "composition/accounts.py",
            "composition/certificates.py",
            "composition/console_actions.py",
            "composition/console_door.py",
            "composition/logins.py",
            "composition/policy.py",
            "kernel/socket_activation.py",
            "server/binding.py",
        ),
    ),
    Group(
        "Moving data",
        "[Move your data](move-your-data.md) has `channelshim data`, [the file "
        "format](../reference/data-format.md) what a record is.",
        (
            "cli/data.py",
            "composition/data.py",
            "composition/store_folders.py",
            "data/",
            "store/sqlite/old_server.py",
        ),
    ),
    Group(
        "The store",
        "[The store](../explanation/store.md) says where it is and who may use it. An "
        "app sees a failed call as the error that App Engine had for it, such as "
        "`InternalError` or `Timeout`; the log has the message.",
        (
            "composition/stores.py",
            "contracts/",
            "errors.py",
            "services/",
            "store/",
        ),
    ),
    Group(
        "Redis",
        "[Grow with Redis](grow-redis.md) says which Redis is right and how to "
        "name it; [Channels over Redis](../explanation/redis.md) has what each failure "
        "does.",
        ("broker/", "composition/app_instance.py", "composition/brokers.py"),
    ),
    Group(
        "channelshim in a program of your own",
        "[Use channelshim in an existing WSGI app](import-into-your-app.md) shows "
        "which function to call, and when.",
        ("composition/doors.py", "composition/installation.py"),
    ),
    Group(
        "The command deploy",
        "[Deploy](deploy.md) goes from an empty machine to https, with each option.",
        ("cli/deploy.py", "deploy/"),
    ),
    Group(
        "Commands",
        "[Work on an app's data](work-beside-a-server.md) has `channelshim shell` and "
        "`channelshim mail`, [Run a legacy test suite](test-a-legacy-app.md) has "
        "`channelshim test`.",
        (
            "cli/",
            "composition/backup.py",
            "composition/commands.py",
            "composition/control.py",
            "composition/deployment.py",
            "composition/reloading.py",
            "composition/restoring.py",
        ),
    ),
    Group(
        "Channels",
        "`Invalid+token.` and `Token+timed+out.` reach the page, with code 401: make a "
        "new token with `create_channel`. The others are in the log; [the wire "
        "protocol](../reference/wire-protocol.md) has what the page sees.",
        ("hub/", "protocol/", "transports/"),
    ),
    Group(
        "Between the processes of one server",
        "With `--workers`: one process has sent another what it cannot read. That is "
        "a fault of channelshim: the process is replaced, and [a "
        "report](../../CONTRIBUTING.md) with the log is welcome.",
        ("server/",),
    ),
)

BETWEEN_PROCESSES = "protocol/pipe_"
"""Of the last group, in the room of another."""

CHANNELS = next(group for group in GROUPS if group.title == "Channels")

TOKEN_TEXTS = frozenset({DESCRIPTION_INVALID_TOKEN, DESCRIPTION_TOKEN_EXPIRED})


def group_of(message: Message) -> Group | None:
    """Return the group of a message, or None when no group has its file."""
    if message.module.startswith(BETWEEN_PROCESSES):
        return GROUPS[-1]
    if message.text in TOKEN_TEXTS:
        return CHANNELS
    for group in GROUPS:
        if message.module.startswith(group.prefixes):
            return group
    return None


def section(messages: Iterable[Message]) -> str:
    """Return the section of the page that lists all messages."""
    texts: dict[Group, set[str]] = {group: set() for group in GROUPS}
    for message in messages:
        group = group_of(message)
        if group is None:
            raise LookupError(f"channelshim/{message.module} has no group: add it here")
        texts[group].add(message.text)
    parts = [HEAD]
    for group, found in texts.items():
        lines = "\n".join(f"- {_code(text)}" for text in sorted(found, key=_order))
        parts.append(f"### {group.title}\n\n{group.advice}\n\n{lines}\n")
    return "\n".join(parts)


def _order(text: str) -> tuple[str, str]:
    # By the first word that is always the same.
    return text.lstrip("… ").lower(), text


def _code(text: str) -> str:
    """Return text as a code span, whatever is in it."""
    if "`" not in text:
        return f"`{text}`"
    return f"`` {text} ``"
