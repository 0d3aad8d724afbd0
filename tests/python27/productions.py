"""Nesting in every production of 2.7's grammar, compiled at every size.

A program of its own, for Python 3's compiler may crash: it prints name, size and
outcome, which is code, error, or bare for an error that does not say where.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

from channelshim.python27.compiling import compile_file

SIZES = (18, 19, 20, 21, 40, 90, 95, 100, 119, 125, 250, 950, 1050, 3000, 30_000)
"""Around the bounds: 20 blocks of Python 3, 96 brackets, 120 levels, 1,000 in a row."""

MOST_BLOCKS = 1050
"""Their text grows with the square of it."""

Production = Callable[[int], str]


def blocks(head: str, last: str = "pass", first: str = "") -> Production:
    """Return a production of blocks inside each other.

    Args:
        head: the lines that open one; `#` is its number.
        last: what stands inside all.
        first: what stands around all.
    """

    def produce(n: int) -> str:
        n = min(n, MOST_BLOCKS)
        depth = 1 if first else 0
        lines = [first] if first else []
        for number in range(n):
            for line in head.split("|"):
                lines.append(" " * (number + depth) + line.replace("#", str(number)))
        return "\n".join([*lines, " " * (n + depth) + last])

    return produce


def tries(n: int) -> str:
    """Return `try` inside `try`."""
    n = min(n, MOST_BLOCKS)
    head = "".join(" " * i + "try:\n" for i in range(n)) + " " * n + "pass\n"
    return head + "".join(" " * i + "finally: pass\n" for i in reversed(range(n)))


def names(n: int) -> str:
    """Return different names, with commas."""
    return ",".join(f"a{i}" for i in range(n))


PRODUCTIONS: dict[str, Production] = {
    "parentheses": lambda n: "(" * n + "a" + ")" * n,
    "lists": lambda n: "[" * n + "a" + "]" * n,
    "open brackets": lambda n: "[" * n,
    "closed brackets": lambda n: "]" * n,
    "dicts": lambda n: "{a:" * n + "a" + "}" * n,
    "sets": lambda n: "{" * n + "a" + "}" * n,
    "backticks": lambda n: "`" * n + "a" + "`" * n,
    "backticks and brackets": lambda n: "`(" * n + "a" + ")`" * n,
    "calls": lambda n: "a(" * n + ")" * n,
    "calls in a row": lambda n: "a" + "()" * n,
    "stars": lambda n: "a(*" * n + "a" + ")" * n,
    "keywords": lambda n: "a(b=" * n + "a" + ")" * n,
    "subscripts": lambda n: "a[" * n + "a" + "]" * n,
    "subscripts in a row": lambda n: "a" + "[0]" * n,
    "slices": lambda n: "a[a:" * n + "a" + "]" * n,
    "attributes": lambda n: "a" + ".a" * n,
    "attributes of calls": lambda n: "a" + ".keys()" * n,
    "not": lambda n: "not " * n + "a",
    "signs": lambda n: "-" * n + "a",
    "inversions": lambda n: "~" * n + "1",
    "powers": lambda n: "a**" * n + "a",
    "negative powers": lambda n: "a**-" * n + "a",
    "sums": lambda n: "a+" * n + "a",
    "divisions": lambda n: "a/" * n + "a",
    "remainders": lambda n: "a%" * n + "a",
    "formats": lambda n: "'%s'%(" * n + "a" + ")" * n,
    "ands": lambda n: "a and " * n + "a",
    "and, or": lambda n: "a and a or " * n + "a",
    "comparisons": lambda n: "a<" * n + "a",
    "comparisons of calls": lambda n: "a()<" * n + "a",
    "memberships": lambda n: "a in " * n + "a",
    "conditions": lambda n: "a if a else " * n + "a",
    "conditions inside": lambda n: "(a if " * n + "a" + " else a)" * n,
    "lambdas": lambda n: "lambda: " * n + "a",
    "defaults": lambda n: "lambda a=" * n + "a" + ": a" * n,
    "comprehensions": lambda n: "[a for a in " * n + "a" + "]" * n,
    "comprehensions as values": lambda n: "[" * n + "a" + " for a in a]" * n,
    "loops of a comprehension": lambda n: "[a " + "for a in a " * n + "]",
    "conditions of a comprehension": lambda n: "[a for a in a " + "if a<a " * n + "]",
    "generators": lambda n: "(a for a in " * n + "a" + ")" * n,
    "dict comprehensions": lambda n: "{a: " * n + "a" + " for a in a}" * n,
    "yields": lambda n: "def f():\n " + "(yield " * n + ")" * n,
    "targets": lambda n: "(" * n + "a" + ",)" * n + " = a",
    "chained targets": lambda n: "a = " * n + "a",
    "deletions": lambda n: "del " + "(" * n + "a" + ",)" * n,
    "for targets": lambda n: "for " + "(" * n + "a" + ",)" * n + " in a: pass",
    "tuple parameters": lambda n: "def f(" + "(" * n + "a" + ",)" * n + "): pass",
    "parameters": lambda n: "def f(" + names(n) + "): pass",
    "arguments": lambda n: "f(" + ",".join(["a"] * n) + ")",
    "decorators": lambda n: "@a\n" * n + "def f(): pass",
    "ifs": blocks("if a < b:"),
    "elifs": lambda n: "if a: pass\n" + "elif a < b: pass\n" * n,
    "elses": blocks("if a: pass|else:"),
    "whiles": blocks("while a:"),
    "fors": blocks("for a in a:"),
    "fors around an if": blocks("for a in a:", "if a < b: pass"),
    "for, while": blocks("for a in a:", "while a < b: pass"),
    "withs": blocks("with a:"),
    "with items": lambda n: "with " + ",".join(["a as b"] * n) + ": pass",
    "tries": tries,
    "excepts": lambda n: "try: pass\n" + "except a, b: pass\n" * n,
    "excepts inside": blocks("try: a|except a, e:", "print e"),
    "functions": blocks("def f#(a, b):"),
    "functions around an if": blocks("def f#(a, b):", "if a < b: pass"),
    "generators around": blocks("def f#():", "yield"),
    "generator of loops": blocks("for a in b:", "if a < b: yield 1", "def f():"),
    "classes": blocks("class A#:"),
    "prints": lambda n: "print " + "a," * n,
    "execs": lambda n: "exec " + "(" * n + "a" + ")" * n,
    "raises": lambda n: "raise " + "a(" * n + ")" * n + ", a",
    "texts": lambda n: "'a' " * n,
    "dotted imports": lambda n: "import a" + ".a" * n,
    "import dots": lambda n: "from " + "." * n + " import a",
    "imported names": lambda n: "from a import " + names(n),
    "globals": lambda n: "def f():\n global " + names(n),
    "statements": lambda n: "a;" * n + "a",
    "backslashes": lambda n: "a = \\\n" + "\\\n" * n + "1",
    "empty lines": lambda n: "\n" * n + "a",
    "indents": lambda n: " " * n + "a",
    "tabs": lambda n: "if a:\n" + "\t" * n + "a",
    "digits": lambda n: "9" * n,
    "hexadecimal digits": lambda n: "0x" + "f" * n,
    "exponents": lambda n: "1e" + "9" * n,
    "long powers": lambda n: "9**9**" + "9" * n,
    "repeated text": lambda n: "'a' * " + "9" * n,
    "shifts": lambda n: "1 << " + "9" * n,
    "names": lambda n: "a" * n,
    "escapes": lambda n: "u'" + "\\x" * n + "'",
    "null bytes": lambda n: "\0" * n,
    "quotes": lambda n: "'" * n,
    "triple quotes": lambda n: '"' * n + "a",
    "carriage returns": lambda n: "a\r" * n,
    "coding lines": lambda n: "# coding: " + "a" * n,
    # In a row, not inside each other: many more only take many seconds.
    "features": lambda n: "from __future__ import division\n" * min(n, 3000),
}


def outcome(source: bytes) -> str:
    """Return what becomes of a source."""
    try:
        compile_file(source + b"\n", "main.py")
    except SyntaxError as error:
        return "error" if error.filename == "main.py" and error.lineno else "bare"
    return "code"


def main() -> None:
    """Print a row for each production and size."""
    warnings.simplefilter("ignore")
    for name, production in PRODUCTIONS.items():
        for size in SIZES:
            row = name, str(size), outcome(production(size).encode())
            sys.stdout.write("\t".join(row) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
