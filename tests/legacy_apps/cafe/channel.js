// A channel of the page's own instead of the server's: an old copy, as some apps had.
var goog = window.goog || {};
goog.appengine = goog.appengine || {};
goog.appengine.Channel = function(token) { this.token = token; };
goog.appengine.Channel.prototype.open = function() {
  var socket = {onopen: function() {}, onmessage: function() {}, close: function() {
    socket.closed = true;
  }};
  var url = '/_ah/channel/dev?channel=' + encodeURIComponent(this.token) + '&command=';
  function ask(command) {
    var request = new XMLHttpRequest();
    request.open('GET', url + command);
    request.onload = function() {
      if (command == 'connect') socket.onopen();
      else if (request.responseText) socket.onmessage({data: request.responseText});
      if (!socket.closed) setTimeout(function() { ask('poll'); }, 500);
    };
    request.send();
  }
  setTimeout(function() { ask('connect'); }, 0);
  return socket;
};
