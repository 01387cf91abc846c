// SPDX-License-Identifier: MIT
//
// get_node.js — an HTTP client as node's users write it: one Agent that keeps its sockets. As client.hpp has it.
const http = require('http');
const [port, concurrency, seconds] = process.argv.slice(2).map(Number);
const agent = new http.Agent({keepAlive: true, maxSockets: concurrency});
const options = {host: '127.0.0.1', port, path: '/hello', agent};
const warm = performance.now() + 500;
let answers = 0, began, before, said = false;

function another() {
  const now = performance.now();
  if (now < warm) return true;
  if (answers++ === 0) began = now, before = process.cpuUsage();
  if (now - began < seconds * 1000) return true;
  const used = process.cpuUsage(before);
  if (!said) {
    console.log(JSON.stringify(
        {operations: answers - 1, seconds: (now - began) / 1000, cpu: (used.user + used.system) / 1e6}));
  }
  said = true;
  return false;
}

function ask() {
  http.get(options, (response) => {
    let size = 0;
    response.on('data', (piece) => size += piece.length);
    response.on('end', () => {
      if (response.statusCode !== 200 || size !== 13) throw new Error('a wrong answer');
      if (another()) ask();
    });
  });
}
for (let i = 0; i < concurrency; i++) ask();
