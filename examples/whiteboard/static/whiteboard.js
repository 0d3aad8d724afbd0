// Draws what the server sends, and sends what is drawn here.

function openBoard(token) {
  var MOST_POINTS = 40;
  var canvas = document.getElementById('board');
  var state = document.getElementById('state');
  var pen = canvas.getContext('2d');
  var strokes = location.pathname + '/strokes';
  var points = null;

  function draw(stroke) {
    pen.strokeStyle = stroke.colour;
    pen.lineWidth = 4;
    pen.lineCap = pen.lineJoin = 'round';
    pen.beginPath();
    pen.moveTo(stroke.points[0][0], stroke.points[0][1]);
    stroke.points.forEach(function(point) { pen.lineTo(point[0], point[1]); });
    pen.stroke();
  }

  function send(method, body) {
    var request = new XMLHttpRequest();
    request.open(method, strokes);
    request.send(body);
  }

  function place(event) {
    var box = canvas.getBoundingClientRect();
    var x = (event.clientX - box.left) * canvas.width / box.width;
    var y = (event.clientY - box.top) * canvas.height / box.height;
    return [Math.max(0, Math.min(canvas.width, Math.round(x))),
            Math.max(0, Math.min(canvas.height, Math.round(y)))];
  }

  function finish() {
    if (points && points.length > 1) {
      send('POST', JSON.stringify({
        colour: document.getElementById('colour').value, points: points
      }));
    }
  }

  canvas.onpointerdown = function(event) {
    points = [place(event)];
  };

  canvas.onpointermove = function(event) {
    if (!points) {
      return;
    }
    points.push(place(event));
    // Drawn at once; the server's copy is drawn over it.
    draw({
      colour: document.getElementById('colour').value, points: points.slice(-2)
    });
    if (points.length === MOST_POINTS) {
      finish();
      points = points.slice(-1);
    }
  };

  document.onpointerup = function() {
    finish();
    points = null;
  };

  document.getElementById('clear').onclick = function() { send('DELETE', null); };

  new goog.appengine.Channel(token).open({
    onopen: function() { state.textContent = 'connected'; },
    onmessage: function(event) {
      var message = JSON.parse(event.data);
      if (message.clear) {
        pen.clearRect(0, 0, canvas.width, canvas.height);
      } else {
        draw(message);
      }
    },
    onerror: function(error) { state.textContent = error.description; },
    onclose: function() {}
  });
}
