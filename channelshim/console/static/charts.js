// The small live charts of the overview: numbers asked for every two seconds.
(function () {
  "use strict";
  var SECONDS = 2, POINTS = 60;
  var box = document.querySelector("[data-charts]");
  if (!box || !window.fetch) { return; }
  var tiles = {}, series = {}, before = null;
  box.querySelectorAll("[data-chart]").forEach(function (tile) {
    tiles[tile.dataset.chart] = tile;
    series[tile.dataset.chart] = [];
  });

  function size(bytes) {
    var units = ["bytes", "KB", "MB", "GB", "TB"], i = 0;
    while (bytes >= 1024 && i < 4) { bytes /= 1024; i += 1; }
    return (i ? bytes.toFixed(1) : bytes) + " " + units[i];
  }

  // As contracts/durations.py: within a class they are taken as spread evenly.
  function quantile(bounds, counts, share) {
    var wanted = share * counts.reduce(function (sum, each) { return sum + each; }, 0);
    if (!wanted) { return null; }
    var low = 0;
    for (var i = 0; i < bounds.length; i += 1) {
      if (counts[i] && wanted <= counts[i]) {
        return low + (bounds[i] - low) * wanted / counts[i];
      }
      wanted -= counts[i];
      low = bounds[i];
    }
    return low;
  }

  function values(now) {
    var found = { in_hand: now.in_hand, connections: now.connections,
                  memory: now.memory_bytes, store: now.store_bytes };
    if (before && now.at > before.at) {
      var seconds = now.at - before.at, count = now.requests - before.requests;
      found.requests = count / seconds;
      found.errors = (now.errors - before.errors) / seconds;
      found.messages = (now.messages_written - before.messages_written) / seconds;
      if (count > 0 && now.answer_counts) {
        var counts = now.answer_counts.map(function (each, i) {
          return each - before.answer_counts[i];
        });
        [50, 95, 99].forEach(function (share) {
          var found_at = quantile(now.answer_bounds, counts, share / 100);
          if (found_at !== null) { found["p" + share] = 1000 * found_at; }
        });
      }
    }
    before = now;
    return found;
  }

  function text(name, value, unit) {
    if (name === "memory" || name === "store") { return size(value); }
    return (value >= 100 || value % 1 === 0 ? Math.round(value) : value.toFixed(1)) + unit;
  }

  function draw(tile, points) {
    var most = Math.max.apply(null, points.concat([1e-9]));
    var svg = tile.querySelector("svg");
    if (!svg) {
      svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 " + (POINTS - 1) + " 20");
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      svg.appendChild(document.createElementNS(svg.namespaceURI, "polyline"));
      tile.appendChild(svg);
    }
    svg.firstChild.setAttribute("points", points.map(function (value, i) {
      return (POINTS - points.length + i) + "," + (19 - 18 * value / most).toFixed(2);
    }).join(" "));
  }

  function show(now) {
    var found = values(now);
    Object.keys(found).forEach(function (name) {
      var points = series[name];
      points.push(found[name]);
      if (points.length > POINTS) { points.shift(); }
      tiles[name].querySelector(".figure").textContent =
        text(name, found[name], tiles[name].dataset.unit);
      draw(tiles[name], points);
    });
  }

  function ask() {
    if (document.hidden) { return; }
    fetch(box.dataset.charts, { credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (facts) { if (facts) { show(facts.figures); } })
      .catch(function () { /* The server restarts: the next one asks again. */ });
  }
  ask();
  setInterval(ask, 1000 * SECONDS);
}());
