"""The suite of the chat with rooms: unittest and Google's testbed."""

import json
import unittest

import mock
import webapp2
from google.appengine.api import channel
from google.appengine.api.channel import channel_service_pb
from google.appengine.api.channel import channel_service_stub
from google.appengine.api import memcache
from google.appengine.datastore import datastore_stub_util
from google.appengine.ext import ndb
from google.appengine.ext import testbed
from google.appengine.runtime import apiproxy_errors

import rooms


class RoomsTest(unittest.TestCase):

    def setUp(self):
        self.testbed = testbed.Testbed()
        self.testbed.setup_env(app_id='_')
        self.testbed.activate()
        policy = datastore_stub_util.PseudoRandomHRConsistencyPolicy(probability=1)
        self.testbed.init_datastore_v3_stub(consistency_policy=policy)
        self.testbed.init_memcache_stub()
        self.testbed.init_user_stub()
        self.testbed.init_logservice_stub()
        self.testbed.init_files_stub()
        self.testbed.init_xmpp_stub()
        self.testbed.init_channel_stub()
        self.channel_stub = self.testbed.get_stub(testbed.CHANNEL_SERVICE_NAME)
        ndb.get_context().clear_cache()

    def tearDown(self):
        self.testbed.deactivate()

    def login(self, email, user_id):
        self.testbed.setup_env(
            USER_EMAIL=email, USER_ID=user_id, USER_IS_ADMIN='0', overwrite=True)

    def request(self, path, post=None):
        request = webapp2.Request.blank(path, POST=post)
        return request.get_response(rooms.app)

    def join(self, email, user_id):
        self.login(email, user_id)
        response = self.request('/room/attic/join')
        self.assertEquals(200, response.status_int)
        return json.loads(response.body)['token']

    def test_stranger_is_refused(self):
        self.assertEquals(403, self.request('/room/attic/join').status_int)

    def test_everybody_hears_what_is_said(self):
        ann = self.join('ann@example.com', '1')
        bob = self.join('bob@gmail.com', '2')
        self.channel_stub.connect_channel(ann)
        self.channel_stub.connect_channel(bob)
        self.assertEquals(200, self.request('/room/attic/say', {'text': 'hi'}).status_int)
        for token in (ann, bob):
            message = self.channel_stub.pop_first_message(token)
            self.assertEquals({'from': 'bob', 'text': 'hi'}, json.loads(message))
            self.assert_(not self.channel_stub.has_channel_messages(token))
        self.assertEquals(1, memcache.get('visits') - 1)

    def test_nobody_hears_before_connecting(self):
        token = self.join('ann@example.com', '1')
        self.request('/room/attic/say', {'text': 'hi'})
        self.assertEquals(None, self.channel_stub.get_channel_messages(token))
        self.channel_stub.connect_channel(token)
        self.assertEquals([], self.channel_stub.get_channel_messages(token))

    def test_who_leaves_is_forgotten(self):
        token = self.join('ann@example.com', '1')
        key = self.channel_stub.client_id_from_token(token)
        self.assertEquals('attic/1', key)
        self.assertItemsEqual(['attic/1'], [v.key.id() for v in rooms.Visit.query()])
        self.request('/_ah/channel/disconnected/', {'from': key})
        self.assertEquals(0, rooms.Visit.query().count())

    def test_garbage_token_is_refused(self):
        self.assertRaises(channel_service_stub.InvalidTokenError,
                          self.channel_stub.connect_channel, 'garbage')

    def test_long_text_is_refused(self):
        self.join('ann@example.com', '1')
        with mock.patch('google.appengine.api.channel.send_message') as send:
            self.request('/room/attic/say', {'text': 'x' * 141})
        self.failIf(send.called)

    def test_service_error_reaches_the_handler(self):
        self.channel_stub.SetError(apiproxy_errors.ApplicationError(
            channel_service_pb.ChannelServiceError.INTERNAL_ERROR))
        with self.assertRaisesRegexp(apiproxy_errors.ApplicationError, '1'):
            channel.create_channel('somebody')


if __name__ == '__main__':
    unittest.main()
