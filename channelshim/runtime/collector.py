"""The garbage collector while a server starts, and after.

What is imported at the start lives as long as the process: 60,000 objects for a small
app. Looked at again and again they took a fourth of the time to the first answer, to
find some 500 that were garbage. So the collector waits until far more has been made,
and whatever is there when serving begins it never looks at again.
"""

from __future__ import annotations

import gc
from typing import Final

PATIENT_THRESHOLD: Final = 200_000
"""Objects made and not freed between two collections while an app is loaded."""

_USUAL: Final = gc.get_threshold()


def be_patient() -> None:
    """Collect rarely until `freeze`. Idempotent; main thread, before the app loads."""
    gc.set_threshold(PATIENT_THRESHOLD, *_USUAL[1:])


def be_usual() -> None:
    """Collect as usual again, in a process that does not serve. Main thread."""
    gc.set_threshold(*_USUAL)


def freeze() -> None:
    """Never look again at what there is now; from here on collect as usual."""
    if gc.get_threshold()[0] == PATIENT_THRESHOLD:
        gc.set_threshold(*_USUAL)
    else:
        # Somebody's own program serves: what it has dropped is not to stay.
        gc.collect()
    gc.freeze()
