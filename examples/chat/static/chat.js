// One room: shows its messages in the order of their numbers, each once.

function openRoom(token) {
  var list = document.getElementById('messages');
  var state = document.getElementById('state');
  var input = document.getElementById('text');
  var shown = {};

  function element(tag, text) {
    var made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  function show(message) {
    if (shown[message.number]) {
      return;
    }
    shown[message.number] = true;
    var item = document.createElement('li');
    item.number = message.number;
    item.appendChild(element('time', message.time));
    item.appendChild(element('b', message.author));
    item.appendChild(element('span', message.text));
    var after = list.lastChild;
    while (after && after.number > message.number) {
      after = after.previousSibling;
    }
    list.insertBefore(item, after ? after.nextSibling : list.firstChild);
    list.scrollTop = list.scrollHeight;
  }

  function post(path, body) {
    var request = new XMLHttpRequest();
    request.open('POST', location.pathname + path);
    request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    request.send(body);
  }

  var socket = new goog.appengine.Channel(token).open({
    onopen: function() {
      state.textContent = 'connected';
      post('/opened', '');
    },
    onmessage: function(event) {
      var message = JSON.parse(event.data);
      if (message.type === 'people') {
        document.getElementById('people').textContent = message.names.join(', ');
      } else {
        show(message);
      }
    },
    onerror: function(error) { state.textContent = error.description; },
    onclose: function() { state.textContent += ' (closed: reload the page)'; }
  });

  document.getElementById('say').onsubmit = function(event) {
    event.preventDefault();
    if (!input.value) {
      return;
    }
    post('', 'text=' + encodeURIComponent(input.value));
    input.value = '';
  };

  return socket;
}
