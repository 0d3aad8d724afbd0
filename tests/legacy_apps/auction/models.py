"""Auctions; money is in cents."""

import datetime
import hashlib
import logging

from google.appengine.api import namespace_manager
from google.appengine.ext import ndb


class TooLow(Exception):
    def __init__(self, amount, least):
        super(TooLow, self).__init__(amount, least)
        self.amount, self.least = amount, least

    def __str__(self):
        return '%s is less than %s' % (money(self.amount), money(self.least))


def money(cents):
    return '%d.%02d' % (cents / 100, cents % 100)


class Bid(ndb.Model):
    bidder = ndb.StringProperty(required=True)
    amount = ndb.IntegerProperty()
    at = ndb.DateTimeProperty(auto_now_add=True)
    proof = ndb.BlobProperty()

    @classmethod
    def of(cls, auction_key):
        return cls.query(ancestor=auction_key).order(-cls.amount)


class Auction(ndb.Model):
    title = ndb.StringProperty()
    words = ndb.ComputedProperty(lambda self: len(self.title.split()))
    least = ndb.IntegerProperty(default=100)
    bids = ndb.IntegerProperty(default=0)
    watchers = ndb.StringProperty(repeated=True)
    notes = ndb.PickleProperty(default={})
    extra = ndb.JsonProperty()
    is_open = ndb.BooleanProperty(default=True)

    def _pre_put_hook(self):
        self.title = self.title.strip()

    @ndb.transactional
    def bid(self, bidder, amount):
        fresh = self.key.get()
        if amount < fresh.least:
            raise TooLow(amount, fresh.least)
        proof = hashlib.md5('%s:%d' % (bidder, amount)).hexdigest()
        bid = Bid(parent=self.key, bidder=bidder, amount=amount, proof=proof)
        fresh.least = amount + max(amount / 20, 1)
        fresh.bids += 1
        notes = dict(fresh.notes)
        notes.setdefault(bidder, []).append(amount)
        fresh.notes = notes
        ndb.put_multi([fresh, bid])
        return fresh, bid


@ndb.transactional(xg=True)
def move_watcher(name, source, target):
    one, other = ndb.get_multi([source, target])
    one.watchers.remove(name)
    other.watchers.append(name)
    ndb.put_multi((one, other))


class house(object):
    """Inside `with house(name)`, all keys are that house's."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = namespace_manager.get_namespace()
        namespace_manager.set_namespace(self.name)

    def __exit__(self, *exc):
        namespace_manager.set_namespace(self.before)
