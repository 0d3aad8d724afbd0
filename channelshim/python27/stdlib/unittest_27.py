"""unittest: the names of checks that Python 3.12 dropped."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

from channelshim.python27.helpers import order
from channelshim.python27.strings import STRINGS, to_text

__all__ = [
    "TestCase",
    "FunctionTestCase",
    "makeSuite",
    "findTestCases",
    "_TextTestResult",
]

_TextTestResult = unittest.TextTestResult
_Check = Callable[..., Any]


class TestCase(unittest.TestCase):
    """A test; its checks have all their names."""

    _diffThreshold = 1 << 12  # a difference of long texts takes minutes

    def assertIsInstance(self, obj: Any, cls: Any, msg: Any = None) -> None:
        """Check what an object is; every kind of string is a str."""
        super().assertIsInstance(obj, STRINGS if cls is str else cls, msg)  # noqa: PT009

    def assertIn(self, member: Any, container: Any, msg: Any = None) -> None:
        """Check that something is in something else."""
        if isinstance(member, bytes) and isinstance(container, str):
            member = to_text(member)
        super().assertIn(member, container, msg)  # noqa: PT009

    def assertItemsEqual(self, first: Any, second: Any, msg: Any = None) -> None:
        """Check that two collections have the same items."""
        self.assertCountEqual(first, second, msg)  # noqa: PT009

    def assertDictContainsSubset(
        self, expected: Any, actual: Any, msg: Any = None
    ) -> None:
        """Check that a dict has all the pairs of another one."""
        found = {key: actual[key] for key in expected if key in actual}
        self.assertEqual(dict(expected), found, msg)  # noqa: PT009

    def assertLess(self, a: Any, b: Any, msg: Any = None) -> None:
        """Check that one value is less than another."""
        if not order.lt(a, b):
            self.fail(self._formatMessage(msg, f"{a!r} not less than {b!r}"))

    def assertLessEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Check that one value is at most another."""
        if not order.le(a, b):
            text = f"{a!r} not less than or equal to {b!r}"
            self.fail(self._formatMessage(msg, text))

    def assertGreater(self, a: Any, b: Any, msg: Any = None) -> None:
        """Check that one value is greater than another."""
        if not order.gt(a, b):
            self.fail(self._formatMessage(msg, f"{a!r} not greater than {b!r}"))

    def assertGreaterEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Check that one value is at least another."""
        if not order.ge(a, b):
            text = f"{a!r} not greater than or equal to {b!r}"
            self.fail(self._formatMessage(msg, text))

    def assertRegexpMatches(
        self, text: Any, expected_regexp: Any, msg: Any = None
    ) -> None:
        """Check that a pattern is found in a string."""
        from channelshim.python27.stdlib import re_27

        if not re_27.compile(expected_regexp).search(text):
            self.fail(self._formatMessage(msg, f"{expected_regexp!r} not in {text!r}"))

    def assertNotRegexpMatches(
        self, text: Any, unexpected_regexp: Any, msg: Any = None
    ) -> None:
        """Check that a pattern is not found in a string."""
        from channelshim.python27.stdlib import re_27

        if re_27.compile(unexpected_regexp).search(text):
            self.fail(self._formatMessage(msg, f"{unexpected_regexp!r} in {text!r}"))

    def assertRaisesRegexp(  # type: ignore[override]
        self, expected_exception: Any, expected_regexp: Any, *args: Any, **named: Any
    ) -> Any:
        """Check that a call raises an error whose text a pattern is found in."""
        pattern = getattr(expected_regexp, "_text", expected_regexp)
        return self.assertRaisesRegex(  # noqa: PT027
            expected_exception, pattern, *args, **named
        )

    assertEquals: _Check = unittest.TestCase.assertEqual
    failUnlessEqual: _Check = unittest.TestCase.assertEqual
    assertNotEquals: _Check = unittest.TestCase.assertNotEqual
    failIfEqual: _Check = unittest.TestCase.assertNotEqual
    assertAlmostEquals: _Check = unittest.TestCase.assertAlmostEqual
    failUnlessAlmostEqual: _Check = unittest.TestCase.assertAlmostEqual
    assertNotAlmostEquals: _Check = unittest.TestCase.assertNotAlmostEqual
    failIfAlmostEqual: _Check = unittest.TestCase.assertNotAlmostEqual
    assert_: _Check = unittest.TestCase.assertTrue
    failUnless: _Check = unittest.TestCase.assertTrue
    failIf: _Check = unittest.TestCase.assertFalse
    failUnlessRaises: _Check = unittest.TestCase.assertRaises


class FunctionTestCase(unittest.FunctionTestCase, TestCase):
    """A test of a function."""


def makeSuite(
    testCaseClass: Any,
    prefix: Any = "test",
    sortUsing: Any = None,
    suiteClass: Any = None,
) -> Any:
    """Return the tests of a class."""
    loader = unittest.TestLoader()
    loader.testMethodPrefix = prefix
    if suiteClass is not None:
        loader.suiteClass = suiteClass
    return loader.loadTestsFromTestCase(testCaseClass)


def findTestCases(module: Any, *options: Any) -> Any:
    """Return the tests of a module."""
    return unittest.TestLoader().loadTestsFromModule(module)
