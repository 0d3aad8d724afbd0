var buses = {};
function move(bus) { buses[bus.id] = bus; document.title = bus.id; }
