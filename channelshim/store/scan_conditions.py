"""The conditions of a scan in SQL, for every engine.

Both name the rows `i`: of `index_row`, or of `entity` for a scan of keys.
"""

from __future__ import annotations

from channelshim.contracts.scan import Position, Scan


class Conditions:
    """Conditions and their values, in step.

    Args:
        mark: what stands for a value in the engine's SQL.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """Add a condition, with a question mark for each value."""
        self.conditions.append(condition.replace("?", self._mark))
        self.values.extend(values)

    @property
    def text(self) -> str:
        """All of them, for WHERE."""
        return " AND ".join(self.conditions)


def order_of(scan: Scan) -> str:
    """Return what stands behind ORDER BY."""
    path = "i.path DESC" if scan.is_path_descending else "i.path"
    if scan.index_id is None or scan.high is None:
        return path
    return f"{'i.value DESC' if scan.is_descending else 'i.value'}, {path}"


def conditions_of(scan: Scan, mark: str) -> Conditions:
    """Return which rows a scan reads."""
    statement = Conditions(mark)
    if scan.index_id is None:
        statement.add("i.kind_id = ?", scan.kind_id)
    else:
        statement.add("i.index_id = ?", scan.index_id)
        _bound_value(statement, scan)
    if scan.path_low:
        statement.add("i.path >= ?", scan.path_low)
    if scan.path_high is not None:
        statement.add("i.path < ?", scan.path_high)
    if scan.after is not None:
        _bound_position(statement, scan, scan.after, is_start=True)
    if scan.until is not None:
        _bound_position(statement, scan, scan.until, is_start=False)
    for index_id, value in scan.probes:
        statement.add(
            "EXISTS (SELECT 1 FROM index_row p WHERE p.index_id = ? AND p.value = ? "
            "AND p.path = i.path)",
            index_id,
            value,
        )
    return statement


def _bound_value(statement: Conditions, scan: Scan) -> None:
    if scan.high is None:
        statement.add("i.value = ?", scan.low)
        return
    statement.add("i.value >= ?", scan.low)
    statement.add("i.value < ?", scan.high)


def _bound_position(
    statement: Conditions, scan: Scan, position: Position, *, is_start: bool
) -> None:
    # A start keeps what is read later, an end what is read earlier. The row exactly at
    # a place that stands before it belongs to what is read later.
    is_inclusive = position.is_before == is_start
    path_sign = "<" if scan.is_path_descending == is_start else ">"
    path_test = f"i.path {path_sign}{'=' if is_inclusive else ''} ?"
    if scan.index_id is None or scan.high is None:
        statement.add(path_test, position.path)
        return
    sign = "<" if scan.is_descending == is_start else ">"
    # The first test says nothing new, but lets the engine seek instead of filter.
    statement.add(
        f"i.value {sign}= ? AND (i.value {sign} ? OR {path_test})",
        position.value,
        position.value,
        position.path,
    )
