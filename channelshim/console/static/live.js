// What is live: parts that are read again ([data-reload], in seconds), and the tail of a
// channel ([data-tail], the number of its last message).
(function () {
  "use strict";
  if (!window.fetch || !window.DOMParser) { return; }

  function every(seconds, call) {
    setInterval(function () { if (!document.hidden) { call(); } }, 1000 * seconds);
  }

  function get(url) {
    return fetch(url, { credentials: "same-origin" }).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer;
    });
  }

  // As it came: a client id need not be UTF-8, which URL() would change.
  function query() { return location.search.replace(/([?&])message=[^&]*/, "$1"); }

  // A part that somebody uses, by keyboard or to select a text, is left alone.
  function isInUse(part) {
    var selection = document.getSelection();
    return part.contains(document.activeElement) ||
      (selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  function reload() {
    get(location.pathname + query()).then(function (answer) { return answer.text(); }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html")
        .querySelectorAll("[data-reload]");
      document.querySelectorAll("[data-reload]").forEach(function (part, i) {
        if (fresh[i] && !isInUse(part)) { part.innerHTML = fresh[i].innerHTML; }
      });
    }).catch(function () { /* The server restarts: the next one asks again. */ });
  }
  var first = document.querySelector("[data-reload]");
  if (first) { every(Number(first.dataset.reload), reload); }

  var tail = document.querySelector("[data-tail]"), isAsking = false;
  var MOST = 1000;

  function add(text, isNote) {
    var line = document.createElement("p");
    line.textContent = text;
    if (isNote) { line.className = "soft"; }
    tail.appendChild(line);
    while (tail.childElementCount > MOST) { tail.removeChild(tail.firstElementChild); }
  }

  function show(found) {
    var atEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 40;
    if (found.missed) { add(found.missed + " messages had left the window.", true); }
    found.texts.forEach(function (text) { add(text, false); });
    tail.dataset.tail = found.number;
    if (found.texts.length && atEnd) { tail.scrollTop = tail.scrollHeight; }
  }

  function ask() {
    if (isAsking) { return; }
    isAsking = true;
    get(location.pathname + query() + "&format=json&tail=" + tail.dataset.tail)
      .then(function (answer) { return answer.json(); })
      .then(function (facts) { show(facts.tail); })
      .catch(function () { /* The server restarts: the next one asks again. */ })
      .then(function () { isAsking = false; });
  }

  // A channel of the console's own; where it ends, the page asks once a second.
  function listen() {
    var form = new URLSearchParams({ action: "tail", after: tail.dataset.tail });
    fetch(location.pathname + query() + "&format=json", {
      method: "POST", body: form, credentials: "same-origin",
      headers: { "X-Console-Token": tail.dataset.token }
    }).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer.json();
    }).then(function (facts) {
      var isOver = false;
      function fallBack() {
        if (!isOver) { isOver = true; every(1, ask); }
      }
      new window.goog.appengine.Channel(facts.token).open({
        onopen: function () { say("Live: new messages appear below."); },
        onmessage: function (event) { show(JSON.parse(event.data)); },
        onerror: fallBack,
        onclose: fallBack
      });
    }).catch(function () { every(1, ask); });
  }

  function say(sentence) {
    document.getElementById("tail-state").textContent = sentence;
  }

  if (tail) {
    tail.scrollTop = tail.scrollHeight;
    if (window.goog && window.goog.appengine) {
      listen();
    } else {
      every(1, ask);
    }
  }
}());
