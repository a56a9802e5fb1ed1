// An application on Node: says what it was sent, one line of JSON a request, and answers with the target.
const http = require('http');
const say = (seen) => process.stdout.write(JSON.stringify(seen) + '\n');
const server = http.createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('latin1');
    say({ method: request.method, target: request.url, body, headers: request.rawHeaders });
    response.end(`${request.method} ${request.url}\n`);
  });
  request.on('error', () => {});
});
server.on('upgrade', (request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
server.on('clientError', (error, socket) => {
  // A connection that closes within a request is no misunderstanding.
  if (error.code !== 'ECONNRESET' && error.code !== 'HPE_INVALID_EOF_STATE') say({ error: error.code });
  socket.destroy();
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
