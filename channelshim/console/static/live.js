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

  function ask() {
    if (isAsking) { return; }
    isAsking = true;
    get(location.pathname + query() + "&format=json&tail=" + tail.dataset.tail)
      .then(function (answer) { return answer.json(); })
      .then(function (facts) {
        var found = facts.tail;
        if (found.number === null) { return; }
        var atEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 40;
        if (found.missed) { add(found.missed + " messages had left the window.", true); }
        found.texts.forEach(function (text) { add(text, false); });
        tail.dataset.tail = found.number;
        if (found.texts.length && atEnd) { tail.scrollTop = tail.scrollHeight; }
      })
      .catch(function () { /* The server restarts: the next one asks again. */ })
      .then(function () { isAsking = false; });
  }
  if (tail) {
    document.getElementById("tail-state").textContent = "Live: new messages appear below.";
    tail.scrollTop = tail.scrollHeight;
    every(1, ask);
  }
}());
