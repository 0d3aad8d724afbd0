# -*- coding: utf-8 -*-
from __future__ import absolute_import, print_function, unicode_literals

import sys

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for

import compat
import old_views
import stock

app = Flask(__name__)


@app.route("/")
def index():
    return render_template("index.html", names=stock.Plugin.names,
                           token=old_views.token())


@app.route("/summary", methods=["POST"])
def summary():
    counts = {name: int(count) for name, count in compat.iteritems(request.form)}
    if not counts:
        abort(400)
    return stock.summary(counts)


@app.route("/count/<name>", methods=["GET", "POST"])
def count(name):
    key = stock.ndb.Key(stock.Count, name)
    if request.method == "POST":
        stock.Count(key=key, names=sorted(request.form), share=1 / 3).put()
        return redirect(url_for("count", name=name))
    found = key.get()
    return jsonify(names=found.names, share=round(found.share, 3),
                   key=key.urlsafe(), text=compat.to_text(b"caf\xc3\xa9"))


@app.errorhandler(400)
def bad(error):
    return "bad: {0}".format(error.code), 400


@app.route("/raise")
def fail():
    try:
        try:
            int("x")
        except ValueError:
            compat.reraise(*sys.exc_info())
    except ValueError as error:
        return "again: {}".format(error)


app.add_url_rule("/token", "token", old_views.token)
app.add_url_rule("/tell/<name>", "tell", old_views.tell, methods=["POST"])
app.add_url_rule("/box/<int:width>/<int:height>", "box", old_views.box)
