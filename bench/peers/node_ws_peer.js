// node with `ws`: a Map of sockets, one send for each.
// usage: node node_ws_peer.js PORT

const http = require('node:http');
const { WebSocketServer } = require('ws');

const connected = new Map();

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    for (const socket of connected.values()) socket.send(text);
    response.writeHead(204).end();
  });
});

new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
  const id = new URL(request.url, 'http://localhost').searchParams.get('id');
  connected.set(id, socket);
  socket.on('close', () => connected.delete(id));
});

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
