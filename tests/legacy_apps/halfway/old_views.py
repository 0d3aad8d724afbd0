# -*- coding: utf-8 -*-
# Nobody has touched this one.
import urllib, hashlib
from flask import request, Response
from google.appengine.api import channel

import stock


def token():
    name = request.args.get('name', 'guest')
    return channel.create_channel(hashlib.md5(name.encode('utf-8')).hexdigest())


def tell(name):
    ident = hashlib.md5(name.encode('utf-8')).hexdigest()
    body = request.data
    try:
        channel.send_message(ident, body)
    except channel.InvalidMessageError, e:
        return 'not sent: %s' % type(e).__name__, 400
    return Response('%s, %d bytes' % (urllib.quote(name.encode('utf-8')), len(body)),
                    mimetype='text/plain')


def box(width, height):
    return ' '.join(map(str, stock.box(width, height)[:2])) + ' %s' % (
        stock.box(width, height)[2],)
