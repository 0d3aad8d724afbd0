// The board of one game, as the server last described it: in the page, then over
// the channel.

function openGame(token, first) {
  var COLOURS = ['red', 'yellow'];
  var state = document.getElementById('state');
  var refusal = document.getElementById('refusal');

  function sentence(game) {
    if (game.players < 2) {
      return 'Waiting for somebody to play against.';
    }
    if (game.winner !== null) {
      return game.winner === game.you ? 'You have won.' : 'You have lost.';
    }
    if (game.isFull) {
      return 'A draw.';
    }
    if (!game.isOpponentHere) {
      return 'Your opponent is away.';
    }
    return game.turn === game.you ?
        'Your turn; you are ' + COLOURS[game.you] + '.' : 'Wait for the other move.';
  }

  function show(game) {
    var heights = {};
    game.moves.split('').forEach(function(column, number) {
      heights[column] = (heights[column] || 0) + 1;
      var cell = 'cell-' + column + '-' + (heights[column] - 1);
      document.getElementById(cell).className = COLOURS[number % 2];
    });
    state.textContent = sentence(game);
  }

  show(first);
  new goog.appengine.Channel(token).open({
    onopen: function() {},
    onmessage: function(event) { show(JSON.parse(event.data)); },
    onerror: function(error) { state.textContent = error.description; },
    onclose: function() {}
  });

  document.getElementById('board').onclick = function(event) {
    var column = event.target.getAttribute('data-column');
    if (column === null) {
      return;
    }
    var request = new XMLHttpRequest();
    request.open('POST', location.pathname + '/move');
    request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    request.onload = function() {
      refusal.textContent = request.status === 200 ? '' : request.responseText;
    };
    request.send('column=' + column);
  };
}
