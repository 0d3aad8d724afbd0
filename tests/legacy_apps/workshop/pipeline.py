"""Generators one behind the other."""

from __future__ import generators, with_statement
from itertools import izip, imap, ifilter, count, islice, izip_longest
from contextlib import contextmanager, nested


def numbers(limit):
    n = 0
    while True:
        if n >= limit:
            raise StopIteration
        yield n
        n += 1


def pairs(source):
    it = iter(source)
    while 1:
        # Ends with the source.
        yield it.next(), it.next()


class Countdown:
    def __init__(self, start):
        self.n = start

    def __iter__(self):
        return self

    def next(self):
        if self.n <= 0:
            raise StopIteration, 'done'
        self.n -= 1
        return self.n


def averager():
    total, n, average = 0, 0, None
    try:
        while True:
            value = yield average
            total += value
            n += 1
            average = total / n
    finally:
        log.append('closed after %d' % n)


log = []


@contextmanager
def tag(name):
    log.append('<%s>' % name)
    try:
        yield name
    except ZeroDivisionError, e:
        log.append(e.message)
    else:
        log.append('fine')
    log.append('</%s>' % name)


def run():
    del log[:]
    out = []
    out.append([pair for pair in pairs(numbers(5))])
    out.append(list(Countdown(3)) + [x for x in 7, 8])
    out.append(x)
    average = averager()
    average.next()
    out.append([average.send(n) for n in (1, 2, 5)])
    average.close()
    with nested(tag('a'), tag('b')) as (a, b):
        out.append(a + b)
        1 / 0
    out.append(zip(izip(numbers(2), count(5)), imap(None, 'ab')))
    out.append(list(izip_longest(ifilter(None, [0, 1, 2]), 'x', fillvalue='-')))
    out.append(map(None, [1, 2], 'a'))
    squares = dict((n, n ** 2) for n in xrange(3))
    for key in squares.keys():
        if key % 2:
            del squares[key]
    out.append(squares.items())
    out.append(filter(lambda c: c.isalpha(), 'a1b2'))
    return out
