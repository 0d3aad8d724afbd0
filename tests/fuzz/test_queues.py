"""queue.yaml: read, or refused by one sentence; what is read can be counted with."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from channelshim.appyaml.queues import parse_queues
from channelshim.errors import ConfigurationError
from tests.fuzz.fuzzing import Fuzz, fuzzed

NUMBERS = "0 1 -1 1e9 1e999 nan inf 0.5/s 5/m 1/x ² ١ 1d 9d9h".split()
NUMBERS += ["9" * 400, "9" * 5000, "9" * 400 + "/s", "9" * 400 + "d", "~", '"5"', "1_0"]

KEYS = (
    "rate bucket_size max_concurrent_requests mode target retry_parameters name "
    "task_retry_limit task_age_limit min_backoff_seconds max_backoff_seconds "
    "max_doublings"
).split()

RETRY = [key for key in KEYS if "_limit" in key or "backoff" in key or "doubl" in key]

WORDS = [number.encode() for number in NUMBERS] + [f"{key}: ".encode() for key in KEYS]
WORDS += [b"\n", b"\n- ", b"  "]


def queue(facts: dict[str, str], retry: dict[str, str]) -> bytes:
    lines = ["queue:", "- name: default"]
    lines += [f"  {key}: {value}" for key, value in facts.items() if key != "name"]
    lines += ["  retry_parameters:"] if retry else []
    lines += [f"    {key}: {value}" for key, value in retry.items()]
    return "\n".join(lines).encode()


def some(keys: list[str]) -> st.SearchStrategy[dict[str, str]]:
    values = st.sampled_from(NUMBERS)
    return st.dictionaries(st.sampled_from(keys), values, max_size=4)


@fuzzed("queues", 150)
def test_any_queue_yaml_is_read_or_refused(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        try:
            config = parse_queues(data.decode("utf-8", "replace"))
        except ConfigurationError as error:
            assert str(error).strip()  # noqa: PT017
            return
        assert config.find("default") is not None
        for each in config.queues:
            assert each.per_second is None or 0 <= each.per_second < math.inf, each
            assert each.bucket_size >= 0
            for retry in (1, 2, 5000):
                wait = each.retry.backoff_seconds(retry)
                assert 0 <= wait < math.inf, each
                each.retry.gives_up(retry, 5.0)

    fuzz.check(claim, st.builds(queue, some(KEYS[:5]), some(RETRY)), words=WORDS)
