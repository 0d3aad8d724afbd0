"""What the feed says, in three formats."""

import csv
import math
import urllib2
from StringIO import StringIO
from urlparse import urlparse, parse_qs
from xml.dom import minidom


class FeedError(StandardError):
    pass


def distance((lat1, lon1), (lat2, lon2)):
    """In metres, on a flat earth."""
    y = (lat2 - lat1) * 111320
    x = (lon2 - lon1) * 111320 * math.cos(math.radians(lat1))
    return int(round(math.sqrt(x * x + y * y), -1))


def fetch(url):
    request = urllib2.Request(url, headers={'User-agent': 'busmap/%s' % 3})
    request.add_header('Accept', 'text/xml')
    try:
        response = urllib2.urlopen(request)
        return response.read(), response.info().getheader('Content-Type')
    except urllib2.HTTPError, e:
        raise FeedError, 'feed says %d' % e.code
    except urllib2.URLError as e:
        raise FeedError('no feed: %s' % (e.reason,))


def parse_xml(text):
    document = minidom.parseString(text)
    for node in document.getElementsByTagName('bus'):
        get = node.getAttribute
        yield (get('id'), int(get('line')), get('stop'),
               (float(get('lat')), float(get('lon'))))


def parse_csv(text):
    rows = csv.reader(StringIO(text), delimiter=';')
    header = rows.next()
    while True:
        row = dict(zip(header, rows.next()))
        yield (row['id'], long(row['line']), unicode(row['stop'], 'utf-8'),
               tuple(map(float, row['at'].split('/'))))


def read(url):
    text, content_type = fetch(url)
    kind = parse_qs(urlparse(url).query).get('format', ['auto'])[0]
    if kind == 'auto':
        kind = content_type.split('/')[1].split(';')[0]
    parsers = {'xml': parse_xml, 'csv': parse_csv}
    if kind not in parsers.keys():
        raise FeedError('unknown format %r' % str(kind))
    return sorted(parsers[kind](text), key=lambda (ident, line, stop, at): ident)
