"""A probe for two servers: everything the contract's cases ask of an app."""

import json
import os
import threading

import webapp2
from google.appengine.api import channel, users

events = []
lock = threading.Lock()


class Answer(webapp2.RequestHandler):
    def say(self, value):
        self.response.headers["Content-Type"] = "application/json"
        self.response.out.write(json.dumps(value))


class Token(Answer):
    """?id=&minutes= : a new token."""

    def get(self):
        minutes = self.request.get("minutes")
        key = self.request.get("id")
        self.say(channel.create_channel(key, int(minutes) if minutes else None))


class Send(Answer):
    """?id=&text=&text= : send each text, in order."""

    def post(self):
        for text in self.request.get_all("text"):
            channel.send_message(self.request.get("id"), text)
        self.say("sent")


class SendInThread(Answer):
    """As Send, in a thread of the request's own."""

    def post(self):
        args = self.request.get("id"), self.request.get("text")
        thread = threading.Thread(target=channel.send_message, args=args)
        thread.start()
        thread.join()
        self.say("sent")


class Presence(Answer):
    """Write down what the platform says; some ids ask for more."""

    def post(self, what):
        key = self.request.get("from")
        user = users.get_current_user()
        with lock:
            events.append(
                {
                    "what": what,
                    "from": key,
                    "type": self.request.content_type,
                    "address": os.environ.get("REMOTE_ADDR"),
                    "user": user and user.email(),
                    "admin": users.is_current_user_admin(),
                    "cookie": "Cookie" in self.request.headers,
                }
            )
        if what == "connected" and key.startswith("greet"):
            channel.send_message(key, "hello")
        if key.startswith("broken"):
            raise ValueError("as it happens")

    def get(self, what):
        self.say("reached")


class Events(Answer):
    """?id= : what was said about it."""

    def get(self):
        with lock:
            found = [one for one in events if one["from"] == self.request.get("id")]
        self.say(found)


class Who(Answer):
    def get(self):
        user = users.get_current_user()
        self.say(
            {
                "user": user and [user.email(), user.nickname(), user.user_id()],
                "admin": users.is_current_user_admin(),
                "environ": {
                    k: v
                    for k, v in os.environ.items()
                    if k.startswith("USER_") or k == "AUTH_DOMAIN"
                },
            }
        )


class Urls(Answer):
    """?to= : the two URLs; ?federated= : what that raises."""

    def get(self):
        to = self.request.get("to")
        try:
            login = users.create_login_url(
                to, federated_identity=self.request.get("federated") or None
            )
        except users.NotAllowedError:
            login = "NotAllowedError"
        self.say([login, users.create_logout_url(to)])


class Headers(Answer):
    def get(self):
        self.say([list(pair) for pair in self.request.headers.items()])


class Other(Answer):
    def get(self):
        self.say("app")

    post = get


app = webapp2.WSGIApplication(
    [
        ("/token", Token),
        ("/send", Send),
        ("/send-in-thread", SendInThread),
        ("/events", Events),
        ("/who", Who),
        ("/urls", Urls),
        ("/headers", Headers),
        ("/_ah/channel/(connected|disconnected)/", Presence),
        ("/.*", Other),
    ]
)
