"""Finding stops by name."""
from __future__ import with_statement

import string
import logging

from google.appengine.api import search

INDEX = 'stops'
TABLE = string.maketrans('-/', '  ')


def doc_id(name):
    letters = [c for c in name.encode('utf-8').encode('hex')]
    return 'stop_' + string.join(letters, '')


def put(names):
    index = search.Index(name=INDEX)
    for name in names:
        plain = name.encode('ascii', 'ignore').translate(TABLE, '!?')
        index.put(search.Document(doc_id=doc_id(name), fields=[
            search.TextField(name='name', value=name),
            search.TextField(name='plain', value=plain)]))
    logging.info('indexed %d' % len(names))


def find(query):
    results = search.Index(name=INDEX).search(query)
    return [result.field('name').value for result in results]
