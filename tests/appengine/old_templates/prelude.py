# What the contexts of rows.jsonl name; Python 2.7 reads it, and Python 3 does.
import datetime
import decimal

WHEN = datetime.datetime(2012, 3, 4, 15, 6, 7)
DAY = datetime.date(2011, 12, 31)
CLOCK = datetime.time(0, 30)


class Silent(Exception):
    silent_variable_failure = True


class Person(object):
    kind = "person"

    def __init__(self, name="Ann", age=7):
        self.name = name
        self.age = age

    def greet(self):
        return "<hi %s>" % self.name

    def two(self, one):
        return one

    def remove(self):
        raise AssertionError("it alters data")

    remove.alters_data = True

    def quiet(self):
        raise Silent()

    def loud(self):
        raise ValueError("loud")

    def itself(self):
        return self

    @property
    def broken(self):
        raise Silent()

    def __str__(self):
        return "P(%s)" % self.name


class Bag(dict):
    def total(self):
        return sum(self.values())


def function():
    return "called"


class Countable(object):
    def count(self):
        return 3

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return ["x", "y"][index]


D = decimal.Decimal
DELTA = datetime.timedelta


def of(value):
    return {"v": value, "n": None, "w": 2, "s": "<x>"}


def lookups():
    return {
        "one": {"a": 1},
        "p": Person(),
        "d": {
            "a": 1,
            "f": function,
            "items": "mine",
            "C": Person,
            "1": "one",
            "n": None,
        },
        "l": ["x", ["y"]],
        "f": function,
        "C": Person,
        "bag": Bag(a=1, b=2),
        "cc": Countable(),
        "o": object,
        "e": "",
        "i": 5,
        "name": "N",
        "lam": lambda: "lambda",
    }


def tags():
    return {
        "l": [1, 2, 3],
        "e": [],
        "d": {"k": "v"},
        "pairs": [(1, "a"), (2, "b")],
        "t": True,
        "f": False,
        "n": None,
        "s": "<x>",
        "one": 1,
        "two": 2,
        "name": "N",
        "g": ["a", "a", "b"],
        "people": [{"n": "x", "k": 1}, {"n": "y", "k": 1}, {"n": "z", "k": 2}],
        "page": "part.html",
        "missing": "nosuch.html",
        "p": Person(),
        "text": "abc",
        "three": [(1, 2, 3)],
    }
