"""The table and the plots of several servers over one Redis."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.fronts import Figures, markdown, plots

TABLE = {
    "channelshim": {1: Figures(800_000, 0.6, 0.2), 2: Figures(700_000, 0.9, 0.3)},
    "nchan": {1: Figures(100_000, 3.0, 0.1), 2: Figures(90_000, 4.0, 0.1)},
}


def test_table_has_a_row_for_each_number_of_servers() -> None:
    rows = markdown(TABLE).splitlines()
    assert len(rows) == 6
    assert rows[2] == "| channelshim | 1 | 800,000 | 0.60 | 0.20 |"


def test_plots_have_a_line_for_each_kind() -> None:
    drawn = plots(TABLE)
    assert set(drawn) == {"fronts-delivered.svg", "fronts-cpu.svg"}
    for chart in drawn.values():
        root = ET.fromstring(chart)
        names = [each.tag.rpartition("}")[2] for each in root]
        assert names.count("polyline") == 2
        assert names.count("circle") == 4
        texts = [each.text for each in root if each.tag.endswith("text")]
        assert "nginx nchan with Redis" in texts
    # More is higher up, which is a smaller y.
    root = ET.fromstring(drawn["fronts-delivered.svg"])
    ours, _ = (each for each in root if each.tag.endswith("polyline"))
    first, second = (float(p.partition(",")[2]) for p in ours.attrib["points"].split())
    assert first < second
