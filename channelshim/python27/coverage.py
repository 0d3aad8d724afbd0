"""A plugin of coverage: reports of an app in Python 2.7, by the app's own lines.

    [run]
    plugins = channelshim.python27.coverage

Coverage reads what it reports on by Python 3's parser, and says of a file in 2.7 that
it is no Python. While the app runs, this plugin claims the app's translated files;
when coverage reports, here or in another process, it says which of their lines are
statements. Coverage itself stays optional: nobody but it imports this module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from coverage.exceptions import CoverageException, NoSource
from coverage.parser import PythonParser
from coverage.plugin import CoveragePlugin, FileReporter, FileTracer

from channelshim.python27 import installing
from channelshim.python27.compiling import says_python3, source_text
from channelshim.python27.source_lines import SourceLines

_MODULE_NAME: Final = re.compile(r"[^.#~!$@%^&*()+=,]+\.py")
"""As coverage itself picks the files that nobody has imported."""


class Tracer(FileTracer):
    """Where the lines of one translated file are counted: in itself."""

    def __init__(self, filename: str) -> None:
        self._filename = filename

    def source_filename(self) -> str:
        """See FileTracer."""
        return self._filename


class Reporter(FileReporter):
    """What could run in one file.

    Args:
        filename: its path.
        lines: what is known of it; None for a file that cannot be read.
        error: why not.
        partial: matches the lines of branches that need not be taken both ways.
    """

    def __init__(
        self,
        filename: str,
        lines: SourceLines | None,
        error: SyntaxError | None,
        partial: str,
    ) -> None:
        super().__init__(filename)
        self._lines = lines
        self._error = error
        self._partial = partial
        self._parser: PythonParser | None = None

    def _read(self) -> SourceLines:
        if self._lines is None:
            error = self._error
            where = f"{self.filename}, line {error.lineno if error else 1}"
            message = error.msg if error else "it cannot be read"
            raise CoverageException(f"{where}: no Python 2.7: {message}")
        return self._lines

    def source(self) -> str:
        """See FileReporter."""
        with open(self.filename, "rb") as file:
            text = source_text(file.read())
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def source_token_lines(self) -> Iterator[list[tuple[str, str]]]:
        """See FileReporter; nothing but "\\n" ends a line of the report."""
        for line in self.source().split("\n"):
            yield [("txt", line)]

    def lines(self) -> set[int]:
        """See FileReporter."""
        return self._read().statements

    def excluded_lines(self) -> set[int]:
        """See FileReporter."""
        return self._read().excluded

    def translate_lines(self, lines: Iterable[int]) -> set[int]:
        """See FileReporter."""
        return self._read().first_of(lines)

    def no_branch_lines(self) -> set[int]:
        """See FileReporter."""
        return self._read().matching(self._partial) if self._partial else set()

    # Branches: coverage's own analysis, of our tree.

    def _branches(self) -> PythonParser:
        if self._parser is None:
            read = self._read()
            parser: Any = PythonParser(text=read.text, filename=self.filename)
            parser._ast_root = read.tree
            parser.raw_statements = set(read.code_lines)
            parser.statements, parser.excluded = read.statements, read.excluded
            # The second name is that of coverage before 7.11.
            parser.multiline_map = parser._multiline = read.first_lines
            self._parser = parser
        return self._parser

    def arcs(self) -> set[tuple[int, int]]:
        """See FileReporter."""
        return self._branches().arcs()

    def translate_arcs(self, arcs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """See FileReporter."""
        return self._branches().translate_arcs(arcs)

    def exit_counts(self) -> dict[int, int]:
        """See FileReporter."""
        return self._branches().exit_counts()

    def missing_arc_description(
        self, start: int, end: int, executed_arcs: Any = None
    ) -> str:
        """See FileReporter."""
        return self._branches().missing_arc_description(start, end)


class Plugin(CoveragePlugin):
    """Claims the app's files while it runs, and reports on them."""

    def __init__(self) -> None:
        self._config: Any = None

    def configure(self, config: Any) -> None:
        """See CoveragePlugin; what to exclude is asked for when it is needed."""
        self._config = config

    def _pattern(self, *options: str) -> str:
        """Return what matches any of the patterns of some options."""
        patterns: list[str] = []
        for option in options:
            patterns += self._config.get_option(option) or []
        return "|".join(f"(?:{pattern})" for pattern in patterns)

    def file_tracer(self, filename: str) -> FileTracer | None:
        """See CoveragePlugin."""
        return Tracer(filename) if _is_translated(filename) else None

    def file_reporter(self, filename: str) -> FileReporter | str:
        """See CoveragePlugin."""
        try:
            with open(filename, "rb") as file:
                source = file.read()
        except OSError as error:
            raise NoSource(f"No source for code: '{filename}': {error}") from None
        if says_python3(source):
            return "python"
        partial = self._pattern(
            "report:partial_branches", "report:partial_branches_always"
        )
        exclude = self._pattern("report:exclude_lines")
        try:
            lines = SourceLines(source, filename, exclude)
        except SyntaxError as error:
            return Reporter(filename, None, error, partial)
        if lines.is_python3:
            return "python"
        return Reporter(filename, lines, None, partial)

    def find_executable_files(self, src_dir: str) -> Iterator[str]:
        """See CoveragePlugin; folders as coverage itself walks them."""
        for folder, folders, names in os.walk(src_dir):
            if folder != src_dir and "__init__.py" not in names:
                folders.clear()
                continue
            for name in names:
                path = os.path.join(folder, name)
                if _MODULE_NAME.fullmatch(name) and _is_translated(path):
                    yield path


def _is_translated(filename: str) -> bool:
    """Tell whether a file is the app's, and Python 2.7 as far as its name says."""
    importer = installing.installed()
    if importer is None or not filename.endswith(".py"):
        return False
    files = importer.files
    return files.owns(filename) and not files.is_python3(filename)


def coverage_init(reg: Any, options: Any) -> None:
    """Register the plugin; coverage calls this."""
    plugin = Plugin()
    reg.add_file_tracer(plugin)
    reg.add_configurer(plugin)
