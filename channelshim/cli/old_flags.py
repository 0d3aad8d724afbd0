"""Flags of the old dev_appserver.py, from 1.0 to 1.9.88, that people still type.

Those that mean something here are put in our words; the others are taken with one line
that says so. Scripts and Makefiles of that time start the server unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from channelshim.composition.setting_values import FALSE_WORDS, TRUE_WORDS


@dataclass(frozen=True, slots=True)
class Inert:
    """A flag that is accepted and has no effect.

    Attributes:
        name: with underscores, without dashes.
        instead: what holds here or what to do, behind "no effect here: "; may be "".
        takes_value: whether a word behind it is its value; a flag without one takes
            only a yes or no.
    """

    name: str
    instead: str = ""
    takes_value: bool = True


def _inert(names: str, instead: str, *, takes_value: bool = True) -> Iterator[Inert]:
    return (Inert(name, instead, takes_value) for name in names.split())


INERT: Final = (
    *_inert("skip_sdk_update_check", "nothing asks for updates", takes_value=False),
    *_inert(
        "google_analytics_client_id google_analytics_user_agent",
        "nothing is reported to anybody",
    ),
    *_inert(
        "show_mail_body",
        "the console's page Mail shows each mail",
        takes_value=False,
    ),
    *_inert(
        "datastore_path blobstore_path search_indexes_path history_path"
        " prospective_search_path rdbms_sqlite_path",
        "all data is in one folder, which --storage_path names",
    ),
    *_inert(
        "use_sqlite",
        "the store is SQLite unless --store names another",
        takes_value=False,
    ),
    *_inert(
        "datastore_consistency_policy default_partition",
        "queries see every write at once, and ids are dev~APP",
    ),
    *_inert("high_replication", "queries see every write at once", takes_value=False),
    *_inert(
        "clear_search_indexes clear_prospective_search",
        "--clear_datastore deletes entities; other data goes with the store's folder",
        takes_value=False,
    ),
    *_inert(
        "support_datastore_emulator datastore_emulator_is_test_mode"
        " check_java_for_cloud_datastore_emulator",
        "the datastore is our own",
        takes_value=False,
    ),
    *_inert(
        "running_datastore_emulator_host datastore_emulator_port"
        " datastore_emulator_cmd",
        "the datastore is our own",
    ),
    *_inert(
        "mysql_host mysql_port mysql_user mysql_password mysql_socket",
        "there is no rdbms service; an app's own database driver works",
    ),
    *_inert(
        "max_module_instances specified_service_ports application_prefix",
        "--workers sets the number of processes, --threads that of threads in each",
    ),
    *_inert(
        "threadsafe_override",
        "app.yaml's threadsafe holds; --threads=1 runs one request at a time",
    ),
    *_inert(
        "multiprocess multiprocess_api_server backends",
        "--workers sets the number of processes",
        takes_value=False,
    ),
    *_inert(
        "multiprocess_min_port multiprocess_api_port multiprocess_app_instance_id"
        " multiprocess_backend_id multiprocess_backend_instance_id",
        "--workers sets the number of processes",
    ),
    *_inert(
        "api_host api_port grpc_api_port external_port test_ssl_port",
        "there is no API server; services run in the app's process",
    ),
    *_inert(
        "api_server_supports_grpc",
        "there is no API server; services run in the app's process",
        takes_value=False,
    ),
    *_inert(
        "use_mtime_file_watcher enable_watching_go_path",
        "changed files are always noticed; --automatic_restart=no stops that",
        takes_value=False,
    ),
    *_inert("watcher_ignore_re", "--automatic_restart=no stops the watching"),
    *_inert(
        "enable_host_checking",
        "Host is always checked on this machine; --allowed_hosts adds names",
        takes_value=False,
    ),
    *_inert(
        "admin_console_host admin_console_server",
        "the console listens on --admin_host and --admin_port",
    ),
    *_inert("logs_path", "logs go to standard error"),
    *_inert("persist_logs", "logs go to standard error", takes_value=False),
    *_inert("enable_mvm_logs", "logs go to standard error", takes_value=False),
    *_inert(
        "allow_skipped_files",
        "an app reads all its files; skip_files are not served",
        takes_value=False,
    ),
    *_inert(
        "disable_static_caching",
        "browsers ask again for static files unless app.yaml says `expiration`",
        takes_value=False,
    ),
    *_inert("task_retry_seconds", "queue.yaml's retry_parameters hold"),
    *_inert(
        "debug_imports trusted blobstore_enable_files_api"
        " blobstore_warn_on_files_api_use",
        "",
        takes_value=False,
    ),
    *_inert(
        "auth_domain login_url template_dir appidentity_email_address"
        " appidentity_private_key_path appidentity_oauth_url default_gcs_bucket_name",
        "",
    ),
    *_inert(
        "runtime python27_executable_path custom_entrypoint",
        "the Python that runs the command runs the app",
    ),
    *_inert(
        "python_startup_script python_startup_args",
        "appengine_config.py is imported before the app",
    ),
    *_inert(
        "php_executable_path php_gae_extension_path php_xdebug_extension_path"
        " jvm_flag go_work_dir java_app_base_url",
        "only Python apps run here",
    ),
    *_inert(
        "php_remote_debugging go_debugging",
        "only Python apps run here",
        takes_value=False,
    ),
)
"""Source: `dev_appserver.py --help` of 1.9.88; the 1.x servers' as old Makefiles and
wrappers of that command name them."""

RENAMED: Final = {
    "address": "host",
    "addn_host": "allowed_hosts",
    "dev_appserver_log_level": "log_level",
}
"""Old name to the setting that means the same."""

SHORT: Final = {"a": "host", "p": "port", "A": "application"}
"""Letters that take a value."""

SHORT_SWITCHES: Final = {"c": "--clear_datastore=yes", "d": "--log_level=debug"}

SWITCHES: Final = {
    "debug": ("--log_level=debug", ""),
    "enable_console": ("--console_code=yes", ""),
    "disable_task_running": ("--enable_task_running=no", ""),
    "smtp_allow_tls": ("--smtp_tls=auto", "--smtp_tls=no"),
}
"""Old flag without a value: what it is when on, and when off."""

_INERT: Final = {flag.name: flag for flag in INERT}


def translate(
    arguments: Iterable[str], switches: frozenset[str], warn: Callable[[str], None]
) -> list[str]:
    """Return a command line in the words of today.

    Args:
        arguments: as typed, without the program's name.
        switches: names of today's flags whose value is a yes or no that may be left
            out: what stands behind such a flag is its value only if it is one.
        warn: called with one line for each flag that has no effect, once for each.
    """
    words = list(arguments)
    translated: list[str] = []
    warned: set[str] = set()
    while words:
        word = words.pop(0)
        if word == "--":
            return [*translated, word, *words]
        if not word.startswith("--"):
            translated += _short(word)
            continue
        typed, equals, value = word[2:].partition("=")
        name = typed.replace("-", "_")
        flag = _INERT.get(name)
        if flag is not None:
            if not equals:
                _take_value(words, takes_any=flag.takes_value)
            if name not in warned:
                warned.add(name)
                reason = f": {flag.instead}" if flag.instead else ""
                warn(f"--{name} has no effect here{reason}")
        elif name in SWITCHES:
            text = value if equals else _take_value(words, takes_any=False)
            on, off = SWITCHES[name]
            translated += filter(
                None, [off if text and text.lower() in FALSE_WORDS else on]
            )
        elif name in switches and not equals:
            translated.append(
                f"--{name}={_take_value(words, takes_any=False) or 'yes'}"
            )
        else:
            translated.append(f"--{RENAMED.get(name, typed)}{equals}{value}")
    return translated


def _short(word: str) -> list[str]:
    """Return today's words for -p 8080, -p8080, -c and the like."""
    letter, value = word[1:2], word[2:].removeprefix("=")
    if not word.startswith("-") or not letter:
        return [word]
    if letter in SHORT:
        return [f"--{SHORT[letter]}", *filter(None, [value])]
    if not value and letter in SHORT_SWITCHES:
        return [SHORT_SWITCHES[letter]]
    return [word]


def _take_value(words: list[str], *, takes_any: bool) -> str:
    """Take the value of a flag off the words behind it, if there is one."""
    if not words or words[0].startswith("-"):
        return ""
    if takes_any or words[0].lower() in TRUE_WORDS | FALSE_WORDS:
        return words.pop(0)
    return ""
