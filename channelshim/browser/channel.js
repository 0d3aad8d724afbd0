/**
 * The browser's half of the Channel API: goog.appengine.Channel and Socket.
 *
 * Served at /_ah/channel/jsapi. What pages may rely on is docs/reference/browser-api.md,
 * what goes over the line is docs/reference/wire-protocol.md. Plain JavaScript that runs
 * at once, with goog as its only global.
 *
 * Three layers, from the line up:
 *   Line    one token's stream of numbered messages: WebSocket, polls where WebSockets do
 *           not get through, retries. Hands every message on once, in order.
 *   Socket  the object that pages hold: state, callbacks, close().
 *   page    what happens to the page as a whole: hidden, frozen, kept for Back, online.
 */
(function (window) {
  'use strict';

  var document = window.document;

  // --- Figures ------------------------------------------------------------------------

  /** Whether the server has WebSockets; one that has none says so in its copy. */
  var SERVER_HAS_SOCKETS = true;

  /** First pause before coming back; doubles up to the longest, with jitter below it. */
  var FIRST_RETRY_MS = 100;
  var LONGEST_RETRY_MS = 2000;

  /** How long a WebSocket may take from its opening to its first frame. */
  var HELLO_TIMEOUT_MS = 5000;

  /**
   * Give up after so long without any answer. Counted only while the browser is online,
   * and COUNTED_RETRY_MS at most for each try, so that sleep is no time at all.
   */
  var GIVE_UP_MS = 5 * 60 * 1000;
  var COUNTED_RETRY_MS = 5000;

  /** A WebSocket cut sooner than this was of little use; three in a row, and we poll. */
  var SHORT_LIFE_MS = 30 * 1000;
  var SHORT_LIVES = 3;

  /** While polling, WebSockets are tried again after these pauses, the last for ever. */
  var PROBE_PAUSES_MS = [500, 5000, 30000, 120000, 300000];

  /** While no WebSocket could be opened, every so many tries is one; the rest are polls. */
  var TRIES_FOR_EACH_SOCKET = 4;

  /** The longest time that a poll asks to be held; below what common proxies allow. */
  var POLL_WAIT_SECONDS = 25;
  var POLL_ANSWER_MS = 10 * 1000;
  var POLL_PAUSE_MS = 1000;

  /**
   * Browsers open six HTTP/1.1 connections to a host, all tabs together. Polls are held
   * on so many of them; tabs beyond that ask after pauses, and the app's own requests
   * always get through.
   */
  var HELD_POLLS = 3;
  var CROWDED_PAUSE_MS = 2000;

  /**
   * A page cannot see the server's pings. A line that was silent for so long is replaced
   * by a new one, lest it be dead: always after the first, and after the second when
   * the page has just been woken.
   */
  var SILENCE_MS = 10 * 60 * 1000;
  var SILENCE_WHEN_WOKEN_MS = 60 * 1000;
  var WATCH_MS = 30 * 1000;

  var CLOSE_NORMAL = 1000;
  var CLOSE_GOING_AWAY = 1001;
  var CLOSE_COME_BACK = 1012;
  var CLOSE_TOKEN_REFUSED = 4401;

  var ReadyState = {CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3};

  // --- What this page has learned -----------------------------------------------------

  var lines = new Set();

  /** Shared by all lines: a new channel need not find out again. */
  var learned = {
    isSocketBlocked: !SERVER_HAS_SOCKETS,
    shortLives: 0,
    probes: 0,
    pollWaitSeconds: POLL_WAIT_SECONDS
  };

  function noteSocketEnd(lifeMs, closeCode) {
    if (lifeMs >= SHORT_LIFE_MS) {
      learned.shortLives = 0;
      learned.probes = 0;
    } else if (closeCode !== CLOSE_COME_BACK && closeCode !== CLOSE_GOING_AWAY) {
      learned.shortLives += 1;
      learned.isSocketBlocked = learned.shortLives >= SHORT_LIVES;
    }
  }

  // --- Line ---------------------------------------------------------------------------

  /**
   * @param {string} token
   * @param {{opened: function(), received: function(string),
   *     refused: function(number, string)}} listener opened may be called again.
   */
  function Line(token, listener) {
    this.token = token;
    this.listener = listener;
    /** Number of the last message handed on; null before the first hello. */
    this.number = null;
    /** The WebSocket in use, the one being opened, the poll under way. */
    this.push = null;
    this.candidate = null;
    this.request = null;
    this.isPolling = false;
    this.isStopped = false;
    this.retryTimer = null;
    this.probeTimer = null;
    this.cutAfterMs = 0;
    this.tries = 0;
    this.failingMs = 0;
    this.failedAt = 0;
    this.status = 0;
  }

  /** Begins, or goes on after a pause with what came next. */
  Line.prototype.start = function () {
    if (this.isStopped) {
      return;
    }
    lines.add(this);
    this.tries = 0;
    this.failingMs = 0;
    this.failedAt = Date.now();
    this.attempt();
  };

  /** Ends the stream for good and tells the server, so that it need not wait. */
  Line.prototype.stop = function () {
    this.isStopped = true;
    this.pause();
  };

  Line.prototype.pause = function () {
    lines.delete(this);
    window.clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.discard('push');
    this.discard('candidate');
    this.endPolling();
  };

  /** The page was woken or came online: waste no time on a pause or a dead line. */
  Line.prototype.wake = function (silenceMs) {
    if (this.push) {
      if (Date.now() - this.push.heardAt >= silenceMs) {
        this.openSocket();
      }
    } else if (this.retryTimer !== null) {
      window.clearTimeout(this.retryTimer);
      this.attempt();
    }
  };

  Line.prototype.attempt = function () {
    this.retryTimer = null;
    // Chromium slows down WebSockets that fail again and again, and shows each failure
    // in the console; so a poll looks whether the server is back.
    var isSocketsTurn = this.tries % TRIES_FOR_EACH_SOCKET === 0;
    this.tries += 1;
    if (!isSocketsTurn || this.isPolling || learned.isSocketBlocked) {
      this.poll(0);
    } else {
      this.openSocket();
    }
  };

  /** Nothing answers: come back later, or give up after a long time. */
  Line.prototype.failed = function () {
    var now = Date.now();
    if (window.navigator.onLine !== false) {
      this.failingMs += Math.min(now - this.failedAt, COUNTED_RETRY_MS);
    }
    this.failedAt = now;
    if (this.failingMs >= GIVE_UP_MS) {
      this.refuse(this.status, '');
    } else {
      this.retry();
    }
  };

  Line.prototype.retry = function () {
    var longest = Math.min(LONGEST_RETRY_MS,
        FIRST_RETRY_MS * Math.pow(2, Math.min(this.tries, 10)));
    window.clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(
        this.attempt.bind(this), longest * (0.5 + Math.random() / 2));
  };

  Line.prototype.answered = function () {
    this.failingMs = 0;
    this.failedAt = Date.now();
    this.status = 0;
    this.tries = 0;
    this.listener.opened();
  };

  Line.prototype.refuse = function (code, description) {
    this.isPolling = false;
    this.stop();
    this.listener.refused(code, description);
  };

  // Numbers: two transports may be open for a moment while one replaces the other; each
  // counts its own messages, and what was handed on already is left out.

  Line.prototype.begin = function (stream, number, after) {
    stream.number = number;
    // Behind what we asked for: the server has lost its counter and starts anew.
    var isAnew = after !== null && number < after;
    if (this.number === null || isAnew || number > this.number) {
      this.number = number;
    }
  };

  Line.prototype.take = function (stream, text) {
    stream.number += 1;
    if (stream.number > this.number) {
      this.number = stream.number;
      this.listener.received(text);
    }
  };

  Line.prototype.address = function (path, parameters) {
    var url = new URL(Socket.BASE_URL + path, document.baseURI);
    var query = ['token=' + encodeURIComponent(this.token)];
    if (this.number !== null) {
      query.push('after=' + this.number);
    }
    url.search = query.concat(parameters).join('&');
    return url;
  };

  // WebSocket.

  Line.prototype.openSocket = function () {
    if (this.candidate) {
      return;
    }
    var socket;
    try {
      var url = this.address('socket', []);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      socket = new window.WebSocket(url.href);
    } catch (error) {
      // A policy of the page forbids it, or BASE_URL is no address.
      this.socketFailed();
      return;
    }
    var push = {
      socket: socket, after: this.number, number: null, openedAt: 0, heardAt: 0,
      helloTimer: window.setTimeout(
          this.socketEnded.bind(this, 'candidate', null), HELLO_TIMEOUT_MS)
    };
    this.candidate = push;
    socket.onmessage = this.socketHeard.bind(this, push);
    socket.onclose = this.socketClosed.bind(this, push);
  };

  Line.prototype.socketHeard = function (push, event) {
    if (typeof event.data !== 'string') {
      return;
    }
    push.heardAt = Date.now();
    if (push.number !== null) {
      this.take(push, event.data);
      return;
    }
    var hello = parse(event.data);
    if (!hello || typeof hello.id !== 'number') {
      this.socketEnded('candidate', null);
      return;
    }
    window.clearTimeout(push.helloTimer);
    push.openedAt = push.heardAt;
    this.begin(push, hello.id, push.after);
    this.candidate = null;
    this.discard('push');
    this.push = push;
    learned.isSocketBlocked = false;
    this.endPolling();
    this.answered();
  };

  Line.prototype.socketClosed = function (push, event) {
    if (event.code === CLOSE_TOKEN_REFUSED) {
      this.refuse(401, event.reason || 'Invalid+token.');
    } else {
      this.socketEnded(push === this.push ? 'push' : 'candidate', event.code);
    }
  };

  /** @param {?number} closeCode null when it is we who end it. */
  Line.prototype.socketEnded = function (role, closeCode) {
    var push = this[role];
    this.discard(role);
    if (role === 'push') {
      noteSocketEnd(Date.now() - push.openedAt, closeCode);
      this.failedAt = Date.now();
      if (!this.candidate) {
        this.retry();
      }
    } else if (closeCode === CLOSE_COME_BACK && !this.isPolling) {
      this.failed();
    } else {
      this.socketFailed();
    }
  };

  Line.prototype.socketFailed = function () {
    // The one in use was to be replaced because it may be dead.
    this.discard('push');
    if (this.isPolling) {
      this.probeLater();
    } else if (!this.request) {
      this.poll(0);
    }
  };

  Line.prototype.discard = function (role) {
    var push = this[role];
    if (!push) {
      return;
    }
    this[role] = null;
    window.clearTimeout(push.helloTimer);
    push.socket.onmessage = push.socket.onclose = null;
    push.socket.close(CLOSE_NORMAL);
  };

  // Polls.

  /** @param {function()=} release gives back the slot of a held poll. */
  Line.prototype.poll = function (waitSeconds, release) {
    if (this.request) {
      return;
    }
    var line = this;
    var request = {
      abort: new window.AbortController(), after: this.number, beganAt: Date.now(),
      waitSeconds: waitSeconds, isCrowded: false, timer: null,
      release: release || function () {}
    };
    var parameters = ['wait=' + waitSeconds];
    if (document.hidden) {
      // The browser may slow our timers; the server then waits longer for us.
      parameters.push('hidden=1');
    }
    this.request = request;
    request.timer = window.setTimeout(
        request.abort.abort.bind(request.abort), waitSeconds * 1000 + POLL_ANSWER_MS);
    ask(this, parameters, {cache: 'no-store', signal: request.abort.signal})
        .then(function (answer) {
          window.clearTimeout(request.timer);
          request.release();
          if (line.request === request) {
            line.request = null;
            line.polled(request, answer);
          }
        });
  };

  Line.prototype.polled = function (request, answer) {
    var body = answer.body;
    if (answer.status === 200 && body && typeof body.id === 'number' &&
        Array.isArray(body.messages)) {
      this.pollAnswered(request, body);
    } else if (answer.status === 401 && body && typeof body.description === 'string') {
      this.refuse(401, body.description);
    } else {
      this.status = answer.status;
      this.cutAfterMs = request.waitSeconds ? Date.now() - request.beganAt : 0;
      this.failed();
    }
  };

  Line.prototype.pollAnswered = function (request, body) {
    var tookMs = Date.now() - request.beganAt;
    if (!this.isPolling) {
      this.isPolling = true;
      learned.isSocketBlocked = true;
      this.probeLater();
    }
    this.adaptWait(request, tookMs);
    this.answered();
    this.begin(request, body.id - body.messages.length, request.after);
    for (var i = 0; i < body.messages.length && !this.isStopped; i += 1) {
      this.take(request, String(body.messages[i]));
    }
    if (this.isStopped) {
      return;
    }
    var pauseMs = Number(body.retry_ms) || 0;
    var isHeld = request.waitSeconds === 0 || tookMs > POLL_PAUSE_MS / 2;
    if (!body.messages.length && (!isHeld || learned.pollWaitSeconds === 0)) {
      // Nothing new and not held: a server that asks for no pause gets one anyway.
      pauseMs = Math.max(pauseMs, POLL_PAUSE_MS);
    }
    this.pollAfter(request.isCrowded ? Math.max(pauseMs, CROWDED_PAUSE_MS) : pauseMs);
  };

  Line.prototype.pollAfter = function (pauseMs) {
    if (pauseMs <= 0) {
      // Without a timer: hidden pages are woken for those once a minute only.
      this.pollHeld();
      return;
    }
    var line = this;
    this.retryTimer = window.setTimeout(function () {
      line.retryTimer = null;
      line.pollHeld();
    }, pauseMs);
  };

  Line.prototype.pollHeld = function () {
    var line = this;
    takeSlot(HELD_POLLS, function (release) {
      if (!line.isPolling || line.request) {
        release();
      } else {
        line.poll(learned.pollWaitSeconds, release);
      }
    }, function () {
      if (line.isPolling && !line.request) {
        line.poll(0);
        line.request.isCrowded = true;
      }
    });
  };

  /**
   * Something between may cut polls that are held for long. A held poll that was cut
   * although the server answers the very next one: half of that time. Held to its end:
   * a second more.
   */
  Line.prototype.adaptWait = function (request, tookMs) {
    var wait = learned.pollWaitSeconds;
    if (this.cutAfterMs && this.tries === 1) {
      wait = Math.min(wait, Math.floor(this.cutAfterMs / 2000));
    } else if (request.waitSeconds && tookMs >= request.waitSeconds * 1000) {
      wait = Math.min(wait + 1, POLL_WAIT_SECONDS);
    }
    this.cutAfterMs = 0;
    learned.pollWaitSeconds = wait;
  };

  Line.prototype.probeLater = function () {
    if (!SERVER_HAS_SOCKETS) {
      return;
    }
    var last = PROBE_PAUSES_MS.length - 1;
    var pauseMs = PROBE_PAUSES_MS[Math.min(learned.probes, last)];
    learned.probes += 1;
    window.clearTimeout(this.probeTimer);
    this.probeTimer = window.setTimeout(this.openSocket.bind(this), pauseMs);
  };

  Line.prototype.endPolling = function () {
    window.clearTimeout(this.probeTimer);
    window.clearTimeout(this.retryTimer);
    this.retryTimer = null;
    var request = this.request;
    this.request = null;
    if (request) {
      window.clearTimeout(request.timer);
      request.release();
      request.abort.abort();
    }
    if (request || this.isPolling) {
      // Kept alive, since the page may be on its way out.
      ask(this, ['wait=0', 'leave=1'], {cache: 'no-store', keepalive: true});
    }
    this.isPolling = false;
  };

  /**
   * Takes one of the slots that all tabs of this origin share, and calls taken with what
   * gives it back; or full. Without Web Locks, on plain http, there is no counting.
   */
  function takeSlot(slots, taken, full) {
    if (!window.navigator.locks) {
      taken(function () {});
      return;
    }
    if (slots === 0) {
      full();
      return;
    }
    var name = 'channelshim poll ' + slots;
    window.navigator.locks.request(name, {ifAvailable: true}, function (lock) {
      if (!lock) {
        takeSlot(slots - 1, taken, full);
        return null;
      }
      return new Promise(function (resolve) {
        taken(resolve);
      });
    }).catch(function () {
      taken(function () {});
    });
  }

  /** Asks the poll address; never rejects, status 0 stands for no answer. */
  function ask(line, parameters, options) {
    var nothing = {status: 0, body: null};
    return new Promise(function (resolve) {
      resolve(window.fetch(line.address('poll', parameters).href, options));
    }).then(function (response) {
      return response.text().then(function (text) {
        return {status: response.status, body: parse(text)};
      });
    }).catch(function () {
      return nothing;
    });
  }

  function parse(text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      return null;
    }
  }

  // --- Socket -------------------------------------------------------------------------

  /** What pages cannot see of their sockets: Socket to {line, events, isRunning}. */
  var inner = new WeakMap();
  var liveSockets = new Set();

  /**
   * One connection of the page to the channel of a token.
   *
   * @param {string} token as create_channel made it.
   * @param {Object=} handler onopen, onmessage, onerror, onclose; copied, each optional.
   * @throws {TypeError} token is no string.
   * @throws {string} the page has no body yet.
   */
  function Socket(token, handler) {
    if (typeof token !== 'string' && !(token instanceof String)) {
      throw new TypeError('token is not a string: ' + String(token));
    }
    if (!document.body) {
      throw 'document.body is not defined -- ' +
          'do not create socket from script in <head>.';
    }
    var members = handler || new Handler();
    var socket = this;
    socket.readyState = ReadyState.CONNECTING;
    socket.onopen = members.onopen;
    socket.onmessage = members.onmessage;
    socket.onerror = members.onerror;
    socket.onclose = members.onclose;
    retireAbandoned();
    liveSockets.add(socket);
    showMarker();
    var line = new Line(String(token), listenerOf(socket));
    inner.set(socket, {line: line, events: [], isRunning: false});
    // Not now: whatever goes wrong at once must not be told before open() returned.
    window.setTimeout(line.start.bind(line), 0);
  }

  function listenerOf(socket) {
    return {
      opened: function () {
        happen(socket, opened);
      },
      received: function (text) {
        happen(socket, received, text);
      },
      refused: function (code, description) {
        happen(socket, refused, {description: description, code: code});
        happen(socket, closed);
      }
    };
  }

  Socket.ReadyState = ReadyState;

  /** Where the server listens. Pages may set it to reach another host. */
  Socket.BASE_URL = ownBaseUrl();

  /** Kept because pages set it; nothing depends on it. */
  Socket.POLLING_TIMEOUT_MS = 500;

  /** Four callbacks that do nothing. */
  function Handler() {}
  Handler.prototype.onopen = function () {};
  Handler.prototype.onmessage = function () {};
  Handler.prototype.onerror = function () {};
  Handler.prototype.onclose = function () {};
  Socket.Handler = Handler;

  /** Sends nothing, as in production: what a page has to say goes by its own requests. */
  Socket.prototype.send = function () {
    return false;
  };

  /** Ends the connection; onclose follows later, once, and nothing after it. */
  Socket.prototype.close = function () {
    if (this.readyState >= ReadyState.CLOSING) {
      return;
    }
    this.readyState = ReadyState.CLOSING;
    inner.get(this).line.stop();
    window.setTimeout(happen, 0, this, closed);
  };

  /** Queues an event and runs the queue, unless a callback is running just now. */
  function happen(socket, event, detail) {
    var state = inner.get(socket);
    state.events.push({event: event, detail: detail});
    if (state.isRunning) {
      return;
    }
    state.isRunning = true;
    while (state.events.length) {
      var next = state.events.shift();
      next.event(socket, next.detail);
    }
    state.isRunning = false;
  }

  // The events, each on a socket whose earlier events are over.

  function opened(socket) {
    if (socket.readyState === ReadyState.CONNECTING) {
      socket.readyState = ReadyState.OPEN;
      call(socket, 'onopen', []);
    }
  }

  function received(socket, text) {
    if (socket.readyState === ReadyState.OPEN) {
      call(socket, 'onmessage', [{data: text}]);
    }
  }

  function refused(socket, error) {
    if (socket.readyState >= ReadyState.CLOSING) {
      return;
    }
    if (socket.readyState === ReadyState.CONNECTING) {
      socket.readyState = ReadyState.CLOSING;
    }
    call(socket, 'onerror', [error]);
  }

  function closed(socket) {
    if (socket.readyState === ReadyState.CLOSED) {
      return;
    }
    socket.readyState = ReadyState.CLOSED;
    forget(socket);
    call(socket, 'onclose', []);
  }

  /** Calls what the page has set, if it is a function; its errors stop nothing. */
  function call(socket, name, values) {
    try {
      if (typeof socket[name] === 'function') {
        socket[name].apply(socket, values);
      }
    } catch (error) {
      report(error);
    }
  }

  /** Makes window.onerror and the console see an error that was caught. */
  function report(error) {
    if (typeof window.reportError === 'function') {
      window.reportError(error);
      return;
    }
    window.setTimeout(function () {
      throw error;
    }, 0);
  }

  // The marker. Production put an <iframe id="wcs-iframe"> into the page; pages look
  // for it to see whether a channel is alive, and remove it before they open another.

  var marker = null;

  function showMarker() {
    if (!marker) {
      marker = document.createElement('div');
      marker.id = 'wcs-iframe';
      marker.hidden = true;
      marker.style.display = 'none';
      document.body.appendChild(marker);
    }
  }

  /**
   * A page that removed the marker and then opens a channel meant to be rid of the one
   * before: with the iframe, that one fell silent, and its messages must not come twice.
   */
  function retireAbandoned() {
    if (!marker || marker.parentNode) {
      return;
    }
    liveSockets.forEach(function (socket) {
      socket.readyState = ReadyState.CLOSED;
      inner.get(socket).line.stop();
    });
    liveSockets.clear();
    marker = null;
  }

  function forget(socket) {
    if (liveSockets.delete(socket) && liveSockets.size === 0 && marker) {
      marker.remove();
      marker = null;
    }
  }

  // --- Channel ------------------------------------------------------------------------

  /** @param {string} token kept as it is; nothing is checked before open(). */
  function Channel(token) {
    this.token_ = token;
  }

  /**
   * Opens a connection; may be called again for another one.
   *
   * @param {Object=} handler see Socket.
   * @return {Socket} still connecting; no callback has run.
   */
  Channel.prototype.open = function (handler) {
    return new Socket(this.token_, handler);
  };

  /** The folder of this script: another host's when the page includes it from there. */
  function ownBaseUrl() {
    var script = document.currentScript;
    var found = script && /^(.*\/_ah\/channel\/)jsapi(?:\?|#|$)/.exec(script.src);
    if (!found) {
      return '/_ah/channel/';
    }
    var url = new URL(found[1]);
    return url.origin === window.location.origin ? url.pathname : url.href;
  }

  // --- The page as a whole ------------------------------------------------------------

  var asleep = [];

  function wakeAll(silenceMs) {
    lines.forEach(function (line) {
      line.wake(silenceMs);
    });
  }

  function startSleepers() {
    asleep.splice(0).forEach(function (line) {
      line.start();
    });
  }

  function wakeIfVisible() {
    if (!document.hidden) {
      startSleepers();
      wakeAll(SILENCE_WHEN_WOKEN_MS);
    }
  }

  document.addEventListener('visibilitychange', wakeIfVisible);
  document.addEventListener('resume', wakeIfVisible);

  window.addEventListener('online', function () {
    wakeAll(0);
  });

  // The page is left, perhaps to be kept for the Back button. Its channels sleep, so that
  // it can be kept and the server knows; sockets stay open for the page's own eyes.
  window.addEventListener('pagehide', function () {
    lines.forEach(function (line) {
      line.pause();
      asleep.push(line);
    });
  });

  window.addEventListener('pageshow', startSleepers);

  window.setInterval(function () {
    lines.forEach(function (line) {
      if (line.push) {
        line.wake(SILENCE_MS);
      }
    });
  }, WATCH_MS);

  // By its bare name, so that a page's own `const goog` is extended as well.
  var root = typeof goog === 'undefined' ? (window.goog = {}) : goog;
  root.appengine = root.appengine || {};
  root.appengine.Channel = Channel;
  root.appengine.Socket = Socket;
})(window);
