"""An application on Python's http.server: says what it was sent, one line of JSON a request, and answers with the target.

As such servers do, it reads a body only where its method may have one: what GET, HEAD, DELETE and TRACE bring stays in the
connection, for whoever comes next.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def exactly(self, length):
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the request broke off")
        return body

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.exactly(int(self.headers.get("Content-Length", 0)))
        body = b""
        while line := self.rfile.readline():
            size = int(line.strip(), 16)
            if size == 0:
                while self.rfile.readline().strip():
                    pass
                return body
            body += self.exactly(size)
            self.rfile.readline()
        raise ConnectionError("the request broke off")

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def answer(self):
        body = self.body() if self.command in ("POST", "PUT", "PATCH", "OPTIONS") else None
        headers = [part for pair in self.headers.items() for part in pair]
        seen = {"method": self.command, "target": self.path, "headers": headers}
        say(seen if body is None else {**seen, "body": body.decode("latin1")})
        answer = f"{self.command} {self.path}\n".encode("latin1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_TRACE = do_PATCH = answer

    def send_error(self, code, message=None, explain=None):
        say({"error": f"{code} {message}"})
        super().send_error(code, message, explain)

    def log_message(self, *_):
        pass


def say(seen):
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.stdout.flush()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
say({"port": server.server_address[1]})
server.serve_forever()
