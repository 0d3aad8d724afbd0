"""Run the TestCases of one file of CPython 2.7's own tests, and write what each gave.

It runs under Python 2.7, for what is expected, and under Python 3 with the app's
folder, where the file is translated.

Usage: run_one.py MODULE OUTPUT [APP_FOLDER]
"""

import json
import sys
import traceback
import unittest


class Result(unittest.TestResult):
    """Notes each test by its name."""

    def __init__(self):
        unittest.TestResult.__init__(self)
        self.found = {}
        self.reasons = {}

    def _note(self, test, what, error=None):
        name = test.id().split(".", 2)[-1]
        if error is not None:
            lines = traceback.format_exception(*error)
            self.reasons[name] = "".join(lines)[-1500:]
        if self.found.get(name) in (None, "ok"):
            self.found[name] = what

    def addSuccess(self, test):
        self._note(test, "ok")

    def addFailure(self, test, err):
        self._note(test, "failed", err)

    def addError(self, test, err):
        self._note(test, "failed", err)

    def addSkip(self, test, reason):
        self._note(test, "skipped")

    def addExpectedFailure(self, test, err):
        self._note(test, "ok")

    def addUnexpectedSuccess(self, test):
        self._note(test, "ok")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._note(test, "failed", err)


def load(module, app_folder):
    if app_folder is None:
        __import__(module)
        return sys.modules[module]
    from channelshim.python27 import import_app, install

    sys.path.insert(0, app_folder)
    install(app_folder, cache_dir=app_folder + "-cache")
    return import_app(module)


def main():
    module, output = sys.argv[1:3]
    app_folder = sys.argv[3] if len(sys.argv) > 3 else None
    result = Result()
    note = {}  # type: dict[str, object]
    try:
        tests = unittest.TestLoader().loadTestsFromModule(load(module, app_folder))
        tests.run(result)
    except BaseException:
        note["error"] = traceback.format_exc()[-3000:]
    note.update(found=result.found, reasons=result.reasons)
    with open(output, "w") as file:
        json.dump(note, file)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # A test may leave threads behind that never end.
    import os

    os._exit(0)
