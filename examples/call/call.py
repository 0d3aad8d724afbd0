"""Signalling for WebRTC: brings two pages together over their channels."""

import json
import os

import jinja2
import webapp2

from google.appengine.api import channel
from google.appengine.ext import ndb

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(
        os.path.join(os.path.dirname(__file__), 'templates')),
    extensions=['jinja2.ext.autoescape'],
    autoescape=True)

LONGEST_SIGNAL = 20000


class Call(ndb.Model):
  """Two places; its id is the call's name in the address."""
  pages = ndb.StringProperty(repeated=True)

  def others(self, client_id):
    return [page for page in self.pages if page != client_id]


def call_key_of(client_id):
  return ndb.Key(Call, client_id.split('-')[0])


@ndb.transactional
def take_place(client_id):
  """Returns the call if the page has a place in it now, or None."""
  call = call_key_of(client_id).get()
  if call is None:
    return None
  if client_id not in call.pages:
    if len(call.pages) > 1:
      return None
    call.pages.append(client_id)
    call.put()
  return call


@ndb.transactional
def give_up_place(client_id):
  """Returns the pages that are left alone now."""
  call = call_key_of(client_id).get()
  if call is None or client_id not in call.pages:
    return []
  call.pages = call.others(client_id)
  call.put()
  return call.pages


def send(client_id, **signal):
  channel.send_message(client_id, json.dumps(signal))


def leave(client_id):
  for page in give_up_place(client_id):
    send(page, type='bye')


class NewCall(webapp2.RequestHandler):
  def get(self):
    call = Call(id=os.urandom(8).encode('hex'))
    call.put()
    self.redirect('/' + call.key.id())


class CallPage(webapp2.RequestHandler):
  def get(self, name):
    if Call.get_by_id(name) is None:
      self.abort(404)
    # A page proves by the random half that a signal is its own.
    client_id = '%s-%s' % (name, os.urandom(16).encode('hex'))
    template = TEMPLATES.get_template('call.html')
    self.response.write(template.render(
        client_id=client_id, token=channel.create_channel(client_id),
        ice_servers=os.environ['ICE_SERVERS']))


class Signal(webapp2.RequestHandler):
  def post(self, name):
    client_id, text = self.request.get('from'), self.request.body
    call = Call.get_by_id(name)
    if call is None or client_id not in call.pages:
      self.abort(403)
    if not 0 < len(text) <= LONGEST_SIGNAL:
      self.abort(400)
    for page in call.others(client_id):
      channel.send_message(page, text)


class Leave(webapp2.RequestHandler):
  def post(self, name):
    leave(self.request.get('from'))


class Connected(webapp2.RequestHandler):
  def post(self):
    client_id = self.request.get('from')
    call = take_place(client_id)
    if call is None:
      send(client_id, type='full')
    for page in call.others(client_id) if call else ():
      # The page that waits makes the offer.
      send(page, type='begin')


class Disconnected(webapp2.RequestHandler):
  def post(self):
    leave(self.request.get('from'))


app = webapp2.WSGIApplication([
    ('/', NewCall),
    ('/([0-9a-f]{16})', CallPage),
    ('/([0-9a-f]{16})/signal', Signal),
    ('/([0-9a-f]{16})/leave', Leave),
    ('/_ah/channel/connected/', Connected),
    ('/_ah/channel/disconnected/', Disconnected),
])
