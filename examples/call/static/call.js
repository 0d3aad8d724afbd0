// Two pages: the server passes on their signals until they talk to each other.

function startCall(token, clientId, iceServers) {
  var state = document.getElementById('state');
  var input = document.getElementById('text');
  var media = null;
  var peer = null;
  var texts = null;
  // Candidates that came before the description that they belong to.
  var early = [];

  function signal(message) {
    var request = new XMLHttpRequest();
    request.open('POST', location.pathname + '/signal?from=' + clientId);
    request.send(JSON.stringify(message));
  }

  function fail(error) {
    state.textContent = 'failed: ' + error;
  }

  function showText(who, text) {
    var item = document.createElement('li');
    item.textContent = who + ': ' + text;
    document.getElementById('texts').appendChild(item);
  }

  function useTexts(channel) {
    texts = channel;
    texts.onopen = function() {
      state.textContent = 'connected';
      input.disabled = false;
      input.focus();
    };
    texts.onmessage = function(event) { showText('they', event.data); };
  }

  function newPeer() {
    hangUp();
    peer = new RTCPeerConnection({iceServers: iceServers});
    peer.onicecandidate = function(event) {
      if (event.candidate) {
        signal({type: 'candidate', candidate: event.candidate});
      }
    };
    peer.ontrack = function(event) {
      document.getElementById('theirs').srcObject = event.streams[0];
    };
    peer.ondatachannel = function(event) { useTexts(event.channel); };
    if (media) {
      media.getTracks().forEach(function(track) { peer.addTrack(track, media); });
    }
  }

  function hangUp() {
    if (peer) {
      peer.close();
    }
    peer = texts = null;
    input.disabled = true;
  }

  function useLocal(description) {
    return peer.setLocalDescription(description).then(function() {
      signal({type: description.type, sdp: description.sdp});
    });
  }

  function useRemote(description) {
    return peer.setRemoteDescription(description).then(function() {
      early.splice(0).forEach(addCandidate);
    });
  }

  function addCandidate(candidate) {
    if (peer && peer.remoteDescription) {
      peer.addIceCandidate(candidate).catch(fail);
    } else {
      early.push(candidate);
    }
  }

  var actions = {
    begin: function() {
      early = [];
      newPeer();
      useTexts(peer.createDataChannel('texts'));
      peer.createOffer().then(useLocal).catch(fail);
    },
    offer: function(message) {
      newPeer();
      useRemote(message).then(function() {
        return peer.createAnswer();
      }).then(useLocal).catch(fail);
    },
    answer: function(message) { useRemote(message).catch(fail); },
    candidate: function(message) { addCandidate(message.candidate); },
    bye: function() {
      hangUp();
      early = [];
      state.textContent = 'the other page has left';
    },
    full: function() { state.textContent = 'two people are in this call already'; }
  };

  function openChannel() {
    new goog.appengine.Channel(token).open({
      onopen: function() {
        state.textContent = 'waiting: open this address in another window';
      },
      onmessage: function(event) {
        var message = JSON.parse(event.data);
        actions[message.type](message);
      },
      onerror: function(error) { fail(error.description); },
      onclose: function() {}
    });
  }

  document.getElementById('say').onsubmit = function(event) {
    event.preventDefault();
    if (texts && input.value) {
      texts.send(input.value);
      showText('you', input.value);
      input.value = '';
    }
  };

  // Without it a page that is loaded anew would find its own old place taken.
  window.onpagehide = function() {
    navigator.sendBeacon(location.pathname + '/leave?from=' + clientId);
  };

  if (!navigator.mediaDevices) {
    openChannel();
    return;
  }
  navigator.mediaDevices.getUserMedia({audio: true, video: true})
      .then(function(stream) {
        media = stream;
        document.getElementById('mine').srcObject = stream;
      }, function() {})
      .then(openChannel);
}
