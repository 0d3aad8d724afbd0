# -*- coding: utf-8 -*-
import json
import os
import sys
import unittest
import urllib

import webapp2
from google.appengine.api import apiproxy_stub_map, channel, memcache, users
from google.appengine.datastore import datastore_stub_util
from google.appengine.ext import db, testbed

import scores


class Base(unittest.TestCase):
    consistency = 1

    def setUp(self):
        self.testbed = testbed.Testbed()
        self.testbed.activate()
        policy = datastore_stub_util.PseudoRandomHRConsistencyPolicy(
            probability=self.consistency)
        self.testbed.init_datastore_v3_stub(consistency_policy=policy)
        self.testbed.init_memcache_stub()
        self.testbed.init_channel_stub()
        self.testbed.init_taskqueue_stub(root_path=os.path.dirname(
            os.path.dirname(__file__)))
        self.testbed.init_user_stub()
        self.channel = self.testbed.get_stub('channel')
        self.tasks = self.testbed.get_stub(testbed.TASKQUEUE_SERVICE_NAME)

    def tearDown(self):
        self.testbed.deactivate()

    def log_in(self, email, is_admin=False):
        self.testbed.setup_env(USER_EMAIL=email, USER_ID='1',
                               USER_IS_ADMIN=str(int(is_admin)), overwrite=True)

    def ask(self, path, **post):
        request = webapp2.Request.blank(path)
        if post:
            request.method = 'POST'
            request.body = urllib.urlencode(post)
            request.headers['Content-Type'] = 'application/x-www-form-urlencoded'
        return request.get_response(scores.app)

    def run_tasks(self):
        tasks = self.tasks.GetTasks('default')
        self.tasks.FlushQueue('default')
        for task in tasks:
            body = task['body'].decode('base64')
            self.assertTrue(body.startswith('why='), body)
            request = webapp2.Request.blank(task['url'], POST=body)
            self.assertEquals(request.get_response(scores.app).status_int, 200)
        return len(tasks)


class TestScores(Base):
    def test_order(self):
        teams = [scores.Team(name=name, points=points) for name, points in
                 [('b', 1), ('a', 1), ('c', 5)]]
        self.assertEquals([t.name for t in sorted(teams)], ['c', 'a', 'b'])
        self.failUnless(teams[0] > teams[1])
        self.assertItemsEqual(map(lambda t: t.points, teams), [5, 1, 1])

    def test_team_needs_a_name(self):
        self.assertRaises(db.BadValueError, scores.Team)
        with self.assertRaisesRegexp(db.BadValueError, 'name is required'):
            scores.Team(points=3)

    def test_scores(self):
        self.assertEqual(self.ask('/teams', name='red').status_int, 201)
        answer = self.ask('/score/red', points='3')
        self.assertEqual((answer.status, answer.body), ('200 OK', '3'))
        self.assertEqual(scores.score('red', 4L), 7)
        refused = self.ask('/score/blue', points='3')
        self.assertEqual(refused.status_int, 400)
        self.assertIn('no team blue', refused.body)
        self.assertEqual(self.ask('/score/red', points='x').status_int, 400)

    def test_owner(self):
        self.log_in('ann@example.com')
        self.ask('/teams', name='red')
        team = scores.Team.get_by_key_name('red')
        self.assertEqual(team.owner, users.User('ann@example.com'))
        self.assertEquals(team.owner.nickname(), 'ann@example.com')
        self.assert_(not users.is_current_user_admin())

    def test_table_is_kept(self):
        self.ask('/teams', name='red')
        self.assertEqual(json.loads(self.ask('/teams').body), [['red', 0]])
        self.assertTrue(memcache.get('table'))
        memcache.set('table', [('x', 1)])
        self.assertEqual(scores.table(), [('x', 1)])


class TestLate(Base):
    consistency = 0

    def test_queries_are_late(self):
        self.ask('/teams', name='red')
        self.assertEqual(scores.Team.all().count(), 0)
        self.assertIsNotNone(scores.Team.get_by_key_name('red'))


class TestChannel(Base):
    def setUp(self):
        super(TestChannel, self).setUp()
        self.token = self.ask('/?id=ann@x').body
        self.ask('/teams', name='red')

    def test_message_waits_for_the_page(self):
        self.channel.connect_channel(self.token)
        self.ask('/score/red', points='3')
        self.assertIsNone(self.channel.pop_first_message(self.token))
        self.assertEqual(self.run_tasks(), 1)
        self.assertEqual(self.channel.get_channel_messages(self.token),
                         ['1. red 3'])
        self.assertEqual(self.channel.pop_first_message(self.token), '1. red 3')
        self.assertFalse(self.channel.has_channel_messages(self.token))

    def test_nobody_listens(self):
        scores.tell()
        self.channel.connect_channel(self.token)
        self.assertEqual(self.channel.connect_and_pop_first_message(self.token),
                         None)

    def test_several(self):
        self.channel.connect_channel(self.token)
        for name in (u'blå', u'grün'):
            scores.Team(key_name=name, name=name, points=len(name)).put()
            memcache.flush_all()
            scores.tell()
        messages = self.channel.get_channel_messages(self.token)
        self.assertEqual(messages[-1].decode('utf-8').split('\n')[0],
                         u'1. grün 4')
        self.channel.clear_channel_messages(self.token)
        self.assertEqual(self.channel.get_channel_messages(self.token) or [], [])

    def test_token(self):
        self.assertEqual(self.channel.client_id_from_token(self.token), 'ann@x')
        self.assertEqual(
            self.channel.validate_token_and_extract_client_id(self.token), 'ann@x')
        try:
            self.channel.validate_token_and_extract_client_id('nonsense')
        except Exception, e:
            self.assertEqual(type(e).__name__, 'InvalidTokenError')
        else:
            self.fail('no error')

    def test_too_much(self):
        limit = channel.MAXIMUM_MESSAGE_LENGTH
        channel.send_message('ann@x', 'x' * limit)
        self.assertRaises(channel.InvalidMessageError, channel.send_message,
                          'ann@x', 'x' * limit + 'y')
        self.assertRaises(channel.InvalidChannelClientIdError,
                          channel.create_channel, 'x' * 300)

    def test_no_id(self):
        self.assertEqual(self.ask('/').status_int, 400)


if __name__ == '__main__':
    unittest.main()
