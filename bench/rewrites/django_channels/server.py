"""The tutorial's chat as somebody would rewrite it for Django Channels.

usage: server.py PORT
"""

import os
import secrets
import sys
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(__file__).parent

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    INSTALLED_APPS=["channels", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [FOLDER / "templates"],
        }
    ],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            # A page for which so many messages wait loses the next ones.
            "CONFIG": {"capacity": 100_000},
        }
    },
)
django.setup()

import uvicorn
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.views.static import serve

LOGIN = '<form method="post"><input name="email"><button>Log in</button></form>'


async def main(request):
    if "email" not in request.session:
        return redirect("/login")
    return render(request, "index.html")


async def login(request):
    if request.method == "GET":
        return HttpResponse(LOGIN)
    request.session["email"] = request.POST["email"]
    return redirect("/")


async def chat(request):
    if "email" not in request.session:
        return HttpResponse(status=403)
    text = request.body.decode()
    if text:
        text = f"{request.session['email']}: {text}"
        message = {"type": "chat.message", "text": text}
        await get_channel_layer().group_send("chat", message)
    return HttpResponse(status=204)


urlpatterns = [
    path("", main),
    path("login", login),
    path("chat", chat),
    re_path("^static/(?P<path>.*)$", serve, {"document_root": FOLDER / "static"}),
]


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        if "email" not in self.scope["session"]:
            await self.close()
            return
        await self.channel_layer.group_add("chat", self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard("chat", self.channel_name)

    async def chat_message(self, event):
        await self.send(text_data=event["text"])


pages = URLRouter([path("ws", ChatConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": SessionMiddlewareStack(pages)}
)

if __name__ == "__main__":
    uvicorn.run(
        application,
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
