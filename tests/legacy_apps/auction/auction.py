import cPickle as pickle
import json
import logging
import os
import sys

import jinja2
import webapp2
from google.appengine.api import channel, memcache, taskqueue, users
from google.appengine.ext import deferred, ndb

import models
import work

CURRENCY = os.environ['CURRENCY']
templates = jinja2.Environment(
    loader=jinja2.PackageLoader('auction', 'templates') if False else
    jinja2.FileSystemLoader('templates'), autoescape=True)
templates.filters['money'] = lambda cents: models.money(cents) + ' ' + CURRENCY


class Handler(webapp2.RequestHandler):
    @property
    def auction(self):
        return ndb.Key(urlsafe=self.request.get('a')).get()

    def say(self, value):
        self.response.headers['Content-Type'] = 'application/json'
        self.response.out.write(json.dumps(value, sort_keys=True, indent=None))


class New(Handler):
    def post(self):
        with models.house(self.request.get('house', 'main')):
            auction = models.Auction(title=self.request.get('title'))
            auction.extra = json.loads(self.request.get('extra') or '{}')
            key = auction.put()
        self.say({'key': key.urlsafe(), 'id': key.id(), 'house': key.namespace(),
                  'words': auction.words})


class Watch(Handler):
    def get(self):
        auction, name = self.auction, self.request.get('name')
        if name not in auction.watchers:
            auction.watchers.append(name)
            auction.put()
        ident = work.client_id(auction.key, name)
        values = {'auction': auction, 'name': name,
                  'token': channel.create_channel(ident)}
        self.response.write(templates.get_template('watch.html').render(**values))


class Bid(Handler):
    def post(self):
        try:
            cents = int(round(float(self.request.get('amount')) * 100))
            auction, bid = self.auction.bid(self.request.get('name'), cents)
        except (models.TooLow, ValueError), e:
            logging.info('refused: %r', e)
            self.response.set_status(409)
            return self.say({'error': str(e)})
        work.enqueue_bid(auction, bid)
        self.say({'bids': auction.bids, 'least': auction.least})


class BidTask(Handler):
    def post(self):
        assert self.request.headers['X-AppEngine-QueueName'] == 'bids'
        data = pickle.loads(self.request.body.decode('base64'))
        bid = ndb.Key(urlsafe=data['bid']).get()
        total = reduce(lambda a, b: a + b, map(sum, data['amounts']), 0)
        work.tell(data['auction'], 'bid', bidder=bid.bidder,
                  amount=models.money(bid.amount), total=total,
                  queue=self.request.headers['X-AppEngine-TaskName'] > '')


class Close(Handler):
    def post(self):
        deferred.defer(work.close, self.request.get('a'))
        self.say('going')


class Listing(Handler):
    def get(self):
        with models.house(self.request.get('house', 'main')):
            cached = memcache.get('titles')
            found = models.Auction.query().order(models.Auction.title).fetch(20)
            memcache.set('titles', [a.title for a in found])
        counts = {}
        for auction in found:
            counts[auction.words] = counts.get(auction.words, 0) + 1
        self.say({'cached': cached, 'titles': [a.title for a in found],
                  'words': sorted(counts.viewkeys()),
                  'extra': [a.extra for a in found]})


class Move(Handler):
    def post(self):
        models.move_watcher(self.request.get('name'), self.auction.key,
                            ndb.Key(urlsafe=self.request.get('to')))
        self.say('moved')


app = ndb.toplevel(webapp2.WSGIApplication([
    ('/new', New), ('/watch', Watch), ('/bid', Bid), ('/close', Close),
    ('/list', Listing), ('/move', Move), ('/work/bid', BidTask)], debug=True))
