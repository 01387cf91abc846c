// SPDX-License-Identifier: MIT
//
// http_node.js — an HTTP server as node's users write it.
const server = require('http').createServer((request, response) => {
  response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 13});
  response.end('Hello, World!');
});
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
