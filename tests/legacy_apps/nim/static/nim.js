function show(state) {
  document.getElementById('heap').innerHTML = state.heap;
  document.getElementById('turn').innerHTML = state.turn;
}
