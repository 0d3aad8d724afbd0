"""cron.yaml: read, or refused by one sentence; what is read has a next run."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import strategies as st

from channelshim.appyaml.cron import parse_cron
from channelshim.errors import ConfigurationError
from tests.fuzz.fuzzing import Fuzz, fuzzed

SCHEDULE = (
    "every 5 0 24 mins hours minutes day month of quarter first 1st 2nd,third last "
    "monday mon,tue sat jan feb,mar january 31 30,31 29 1,15 00:00 23:59 24:00 from to "
    "synchronized 10000 ² ١ , day,mon"
).split()

WORDS = [f" {word} ".encode() for word in SCHEDULE] + [b"\n", b"- ", b": "]

MOMENTS = [
    datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
    datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
]


def job(words: list[str]) -> bytes:
    return f"cron:\n- url: /a\n  schedule: {' '.join(words)}\n".encode()


@fuzzed("cron", 150)
def test_any_cron_yaml_is_read_or_refused(fuzz: Fuzz) -> None:
    def claim(data: bytes) -> None:
        try:
            config = parse_cron(data.decode("utf-8", "replace"))
        except ConfigurationError as error:
            assert str(error).strip()  # noqa: PT017
            return
        for cron_job in config.jobs[:5]:
            for moment in MOMENTS:
                try:
                    run = cron_job.schedule.next_run(moment)
                except ConfigurationError:
                    # The fifth of a weekday in February: none for 28 years.
                    continue
                assert run > moment, cron_job.schedule_text
                if cron_job.retry is not None:
                    assert cron_job.retry.backoff_seconds(9) >= 0

    made = st.lists(st.sampled_from(SCHEDULE), max_size=8).map(job)
    fuzz.check(claim, made, words=WORDS)
