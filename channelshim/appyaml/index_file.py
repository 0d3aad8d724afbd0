"""index.yaml, as far as a mistake in it can be told at the start.

Whoever needs its definitions reads it by the SDK (services/datastore_v3/indexes.py).
"""

from __future__ import annotations

from channelshim.appyaml.nodes import parse_yaml


def check_indexes(text: str, *, path: str = "index.yaml") -> None:
    """Look whether index.yaml has the form that it should have.

    Raises:
        ConfigurationError: no YAML, or a definition without a kind, or a property
            without a name; names the line.
    """
    for key, node in parse_yaml(text, path).pairs("index.yaml"):
        if key != "indexes":
            continue
        for definition in node.items("indexes"):
            values = dict(definition.pairs("an index, `- kind: NAME`,"))
            if "kind" not in values:
                raise definition.error("an index needs a kind: `- kind: NAME`")
            if "properties" in values:
                for each in values["properties"].items("properties"):
                    if "name" not in dict(each.pairs("a property")):
                        raise each.error("a property needs a name: `- name: NAME`")
