"""Machines register themselves by being written down."""

import new
import sys
import types
import operator
import exceptions


class Registry(type):
    all = {}

    def __new__(meta, name, bases, namespace):
        for key, value in namespace.items():
            if isinstance(value, types.FunctionType) and key.startswith('when_'):
                namespace['on_' + key[5:]] = value
                del namespace[key]
        return type.__new__(meta, name, bases, namespace)

    def __init__(cls, name, bases, namespace):
        type.__init__(cls, name, bases, namespace)
        if not namespace.has_key('abstract'):
            Registry.all[name.lower()] = cls

    def __iter__(cls):
        return iter(sorted(cls.__dict__))

    def __getattr__(cls, name):
        if name.startswith('make_'):
            return lambda *args: cls(*args)
        raise AttributeError, '%s has no %s' % (cls.__name__, name)


class Machine:
    __metaclass__ = Registry
    abstract = True

    def __init__(self, *parts):
        self.parts = list(parts)

    def __unicode__(self):
        return u'%s\u2192%s' % (self.__class__.__name__, len(self.parts))

    def __str__(self):
        return unicode(self).encode('utf-8')

    def __repr__(self):
        return '<' + str(self) + '>'


def adder(name):
    """A class decorator that is older than class decorators."""
    def metaclass(class_name, bases, namespace):
        namespace['total'] = property(lambda self: reduce(operator.add, self.parts, 0))
        namespace['added_by'] = name
        return Registry(class_name, bases, namespace)
    return metaclass


class Saw(Machine):
    teeth = 044

    def when_cut(self, (x, y), depth=1):
        return x / y, x % y, depth

    on_lambda = lambda self, (a, (b, c)): [a, b, c]


class Scale(Machine):
    __metaclass__ = adder('scale')

    def __cmp__(self, other):
        return cmp(self.total, getattr(other, 'total', other))

    def __hash__(self):
        return self.total

    def __div__(self, number):
        return Scale(*[part / number for part in self.parts])

    def __len__(self):
        return len(self.parts)

    def __getslice__(self, start, stop):
        return Scale(*self.parts[start:stop])

    def __setslice__(self, start, stop, values):
        self.parts[start:stop] = values

    def __delslice__(self, start, stop):
        del self.parts[start:stop]

    def __nonzero__(self):
        return self.total > 0

    def __coerce__(self, other):
        return None

    def __getitem__(self, index):
        return self.parts[index]

    def __contains__(self, part):
        return part in self.parts

    def __oct__(self):
        return '0weight'


class OldStyle:
    """Without object below it."""

    count = 0

    def __init__(self, **names):
        self.__dict__.update(names)
        OldStyle.count += 1

    def __getattr__(self, name):
        if name[:2] == '__':
            raise AttributeError(name)
        return 'no ' + name

    def __eq__(self, other):
        return self.__dict__ == other.__dict__

    def describe(self):
        return '%s(%s)' % (self.__class__.__name__, ', '.join(
            ['%s=%r' % item for item in sorted(self.__dict__.items())]))


class Derived(OldStyle):
    def describe(self):
        return 'derived ' + OldStyle.describe(self)


def bind(function, instance):
    return types.MethodType(function, instance, instance.__class__)


def graft(instance, source):
    """Give an instance a method from its source."""
    namespace = {}
    exec source in namespace
    for name, value in namespace.items():
        if type(value) is types.FunctionType:
            setattr(instance, name, new.instancemethod(value, instance,
                                                       instance.__class__))
    return instance


def is_class(value):
    return type(value) in (types.ClassType, types.TypeType) or isinstance(value, type)
