"""Ranges of facets without names, in the search stub of the Python 3 SDK.

It calls their bounds, which are texts, as if they were methods, and fails.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def label_ranges(simple_facet: ModuleType) -> None:
    """Have google.appengine.api.search.stub.simple_facet name ranges as it used to.

    Source: SDK 1.9.88, simple_facet.SimpleFacet._GetFacetLabel.
    """

    def label(_self: object, asked: Any) -> str:
        if asked.HasField("name"):
            return str(asked.name)
        start = repr(float(asked.start)) if asked.HasField("start") else "-Infinity"
        end = repr(float(asked.end)) if asked.HasField("end") else "Infinity"
        return f"[{start},{end})"

    simple_facet.SimpleFacet._GetFacetLabel = label
