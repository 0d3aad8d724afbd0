"""The tutorial's chat as somebody would rewrite it for Flask-SocketIO.

usage: server.py PORT
"""

import os
import secrets
import sys

from flask import Flask, redirect, render_template, request, session
from flask_socketio import SocketIO

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()
socketio = SocketIO(app, async_mode="gevent")

LOGIN = '<form method="post"><input name="email"><button>Log in</button></form>'


@app.get("/")
def main():
    if "email" not in session:
        return redirect("/login")
    return render_template("index.html")


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return LOGIN
    session["email"] = request.form["email"]
    return redirect("/")


@app.post("/chat")
def chat():
    if "email" not in session:
        return "", 403
    text = request.get_data(as_text=True)
    if text:
        socketio.emit("message", f"{session['email']}: {text}")
    return "", 204


@socketio.on("connect")
def connect():
    # False refuses the connection.
    return "email" in session


if __name__ == "__main__":
    socketio.run(app, host="127.0.0.1", port=int(sys.argv[1]))
