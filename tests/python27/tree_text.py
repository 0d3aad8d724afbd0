"""The tree of a Python 2.7 source as text, one line for each node.

Runs on Python 2.7, where it writes down the tree of 2.7's own `ast`, and on Python 3,
where it writes down ours in the same words. Equal texts mean equal trees: kinds of
nodes, values, names, contexts, line numbers, and columns but for chains of operators.

    python2.7 tree_text.py FILE...          one line for each: digest and path
    python2.7 tree_text.py --text FILE      the text itself
"""

import ast
import hashlib
import sys

# Ours starts a chain that stays on one line where Python 3 does, so that tracebacks
# underline all of it.
WITHOUT_COLUMN = frozenset(["BinOp", "Call", "Attribute", "Subscript", "Slice"])


TEXT = type(b"".decode("ascii"))
"""unicode on 2.7. Spelled so that no formatter takes a `u` away."""


def value_text(value):
    """Return a constant in words that both Pythons share."""
    if isinstance(value, bytes):
        return "b" + repr(value).lstrip("b")
    if isinstance(value, TEXT):
        return "u" + repr(value.encode("utf-8")).lstrip("b")
    return repr(value).rstrip("L")


class Writer(object):
    """Collects the lines of one tree of 2.7's `ast`."""

    def __init__(self, with_columns):
        self.lines = []
        self.with_columns = with_columns

    def put(self, depth, text):
        self.lines.append("%d %s" % (depth, text))

    def open(self, depth, name, node):
        line = getattr(node, "lineno", None)
        if line is None:
            self.put(depth, name)
        elif name in WITHOUT_COLUMN or not self.with_columns:
            self.put(depth, "%s @%d" % (name, line))
        else:
            self.put(depth, "%s @%d:%d" % (name, line, max(node.col_offset, 0)))

    def value(self, depth, value):
        if isinstance(value, ast.AST):
            self.node(depth, value)
        elif isinstance(value, list):
            self.put(depth, "[%d]" % len(value))
            for item in value:
                self.value(depth + 1, item)
        elif value is None:
            self.put(depth, "None")
        else:
            self.put(depth, value_text(value))

    def identifier(self, depth, name):
        self.put(depth, "None" if name is None else "'%s'" % name)

    def node(self, depth, node):
        name = node.__class__.__name__
        self.open(depth, name, node)
        for field in node._fields:
            value = getattr(node, field)
            if isinstance(value, str) and name not in ("Str", "Num"):
                self.identifier(depth + 1, value)
            elif name == "Global":
                self.put(depth + 1, " ".join(value))
            else:
                self.value(depth + 1, value)


def text_of(tree, source, writer_class=Writer):
    """Return the text; without columns where 2.7 counts bytes of the file."""
    writer = writer_class(all(byte < 128 for byte in bytearray(source)))
    writer.value(0, tree)
    return "\n".join(writer.lines)


def digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def text_of_file(path):
    with open(path, "rb") as file:
        source = file.read()
    # As the import of a file does: universal line ends, and one at the end.
    source = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n"
    compile(source, path, "exec", 0, 1)
    return text_of(compile(source, path, "exec", ast.PyCF_ONLY_AST, 1), source)


def main(arguments):
    sys.setrecursionlimit(20000)
    if arguments[0] == "--text":
        sys.stdout.write(text_of_file(arguments[1]) + "\n")
        return
    for path in arguments:
        try:
            line = digest(text_of_file(path))
        except (SyntaxError, TypeError, ValueError, MemoryError) as error:
            line = "refused by 2.7: %s" % error.__class__.__name__
        sys.stdout.write("%s\t%s\n" % (path, line))


if __name__ == "__main__":
    main(sys.argv[1:])
