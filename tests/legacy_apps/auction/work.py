"""What happens after the answer has gone out."""

import cPickle as pickle
import json
import logging

from google.appengine.api import channel, taskqueue
from google.appengine.ext import deferred, ndb

import models


def client_id(auction_key, name):
    return '%s|%s' % (auction_key.urlsafe()[-12:].replace('_', '.'), name)


def tell(urlsafe, kind, **more):
    key = ndb.Key(urlsafe=urlsafe)
    auction = key.get()
    more.update({'kind': kind, 'auction': auction.key.urlsafe(),
                 'least': models.money(auction.least)})
    text = json.dumps(more)
    for name in auction.watchers:
        channel.send_message(client_id(key, name), text)


def close(urlsafe, lap=1):
    """Going once, going twice."""
    if lap < 3:
        tell(urlsafe, 'going', lap=lap)
        deferred.defer(close, urlsafe, lap + 1, _countdown=0, _queue='bids')
        return
    auction = ndb.Key(urlsafe=urlsafe).get()
    if auction is None:
        raise deferred.PermanentTaskFailure('no auction')
    auction.is_open = False
    auction.put()
    best = models.Bid.of(auction.key).get()
    tell(urlsafe, 'sold', to=best and best.bidder, proof='#' + best.proof[:8],
         notes=sorted(auction.notes.iteritems()))


def enqueue_bid(auction, bid):
    payload = pickle.dumps({'auction': auction.key.urlsafe(),
                            'bid': bid.key.urlsafe(),
                            'amounts': auction.notes.values()}, 2)
    task = taskqueue.Task(url='/work/bid', payload=payload.encode('base64'),
                          headers={'X-Kind': 'pickle'})
    task.add(queue_name='bids', transactional=False)
