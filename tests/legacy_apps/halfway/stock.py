# -*- coding: utf-8 -*-
from __future__ import division, print_function, unicode_literals

import collections
import io
import json
import operator

from google.appengine.ext import ndb

import compat
from compat import iteritems, python_2_unicode_compatible, with_metaclass

try:
    import shapes_new as shapes
except SyntaxError:
    import shapes_old as shapes


class Plugin(type):
    names = []

    def __new__(mcs, name, bases, namespace):
        cls = super(Plugin, mcs).__new__(mcs, name, bases, namespace)
        mcs.names.append(str(name))
        return cls


@python_2_unicode_compatible
class Item(with_metaclass(Plugin)):
    def __init__(self, name, count):
        self.name, self.count = name, count

    def __str__(self):
        return "%s × %d" % (self.name, self.count)

    def __truediv__(self, other):
        return Item(self.name, self.count / other)

    def __eq__(self, other):
        return isinstance(other, Item) and self.name == other.name

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(self.name)

    def __bool__(self):
        return self.count > 0

    __nonzero__ = __bool__

    def __lt__(self, other):
        return self.count < other.count


class Count(ndb.Model):
    names = ndb.StringProperty(repeated=True)
    share = ndb.FloatProperty()


def summary(counts):
    items = sorted(Item(name, count) for name, count in iteritems(counts))
    out = io.StringIO()
    for item in items:
        values = item, item.count / 4, item.count // 4, bool(item), (item / 2).count
        print(" | ".join(compat.text_type(value) for value in values), file=out)
    by_first = collections.defaultdict(list)
    for item in items:
        by_first[item.name[0]].append(item.name)
    print(json.dumps(by_first, sort_keys=True, ensure_ascii=False), file=out)
    return out.getvalue()


def box(width, height):
    one, two = shapes.Box(width, height), shapes.Box(height, height)
    return [one.area(scale=2), one.halves(), shapes.sort(one, two), one.name]
