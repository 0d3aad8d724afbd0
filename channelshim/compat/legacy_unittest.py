"""Names that unittest had in Python 2.7 and has dropped since."""

from __future__ import annotations

from typing import Any, Final

_OLD_ASSERTIONS: Final = {
    # Names that unittest had in Python 2.7 and dropped by 3.12.
    "assertEquals": "assertEqual",
    "assertNotEquals": "assertNotEqual",
    "assertAlmostEquals": "assertAlmostEqual",
    "assertNotAlmostEquals": "assertNotAlmostEqual",
    "assertItemsEqual": "assertCountEqual",
    "assertRegexpMatches": "assertRegex",
    "assertNotRegexpMatches": "assertNotRegex",
    "assertRaisesRegexp": "assertRaisesRegex",
    "assert_": "assertTrue",
    "failUnless": "assertTrue",
    "failIf": "assertFalse",
    "failUnlessEqual": "assertEqual",
    "failIfEqual": "assertNotEqual",
    "failUnlessAlmostEqual": "assertAlmostEqual",
    "failIfAlmostEqual": "assertNotAlmostEqual",
    "failUnlessRaises": "assertRaises",
}


def patch_unittest(case: Any) -> None:
    """Give unittest.TestCase the names that it lost.

    Args:
        case: the module unittest.case, freshly imported.
    """
    test_case = case.TestCase
    for old, new in _OLD_ASSERTIONS.items():
        if not hasattr(test_case, old):
            setattr(test_case, old, getattr(test_case, new))
    if not hasattr(test_case, "assertDictContainsSubset"):
        test_case.assertDictContainsSubset = _assert_dict_contains_subset


def _assert_dict_contains_subset(
    self: Any, expected: Any, actual: Any, msg: object = None
) -> None:
    assert_equal = self.assertEqual
    assert_equal({**actual, **expected}, dict(actual), msg)
