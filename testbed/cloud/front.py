#!/usr/bin/python3
"""Stands before nova-api as a load balancer does, and spoils what it is told to.

usage: front.py ADDRESS PORT CLIENT[,CLIENT...]

It takes ADDRESS:PORT over from nova-api, which listens on every address: of two sockets with SO_REUSEPORT
the kernel takes the one that is bound more narrowly. nova-api need not be restarted for that, and is reached
directly again as soon as this program ends, which it does with its standard input. What it passes on names
the client (X-Forwarded-For), which nova-api writes into its log. Only the CLIENTs get what is spoilt.

Commands, a line each:
  lose N           the answer to the Nth evacuation that Nova accepts is not delivered: the connection ends
  refuse N S       once Nova has accepted N evacuations, every request gets a 503 for S seconds
  spoil            the tokens that were seen so far are no longer valid (Nova's own 401)

It prints a JSON line for each thing that it does: {"at", "what", "client", "method", "path", "status"}, `what`
being ready, told, lost, closed, refused, open, spoilt or unauthorized.
"""
import http.client
import json
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOVA = '127.0.0.1'
REQUEST_TIMEOUT_S = 120
EVACUATION = re.compile(r'/servers/[^/]+/action$')
# what is not passed on as it came
OWN = {'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'host', 'x-forwarded-for',
              'x-auth-token'}
lock = threading.Lock()
out = threading.Lock()


class State:
    accepted = 0            # evacuations that Nova has accepted
    lose = None             # the number of the one whose answer is lost
    refuse = None           # (after so many, seconds)
    closed_until = 0.0
    tokens = set()
    spoilt = set()


def say(what, client='', method='', path='', status=0):
    line = json.dumps({'at': time.time(), 'what': what, 'client': client, 'method': method, 'path': path,
                       'status': status})
    with out:
        print(line, flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    clients = frozenset()
    port = 0

    def log_message(self, *args):
        pass

    def serve(self):
        client, spoils = self.client_address[0], self.client_address[0] in self.clients
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        token = self.headers.get('X-Auth-Token')
        self.close_connection = True
        with lock:
            closed = spoils and time.time() < State.closed_until
            if spoils and token:
                State.tokens.add(token)
            bad = spoils and token in State.spoilt
        if closed:
            say('refused', client, self.command, self.path, 503)
            self.answer(503, [('Content-Type', 'text/html')], b'<h1>503 Service Unavailable</h1>\n')
            return
        try:
            status, headers, content = self.ask_nova(client, body, token[::-1] if bad else token)
        except OSError as e:
            self.answer(502, [('Content-Type', 'text/plain')], ('nova-api: %s\n' % e).encode())
            return
        if bad and status == 401:
            say('unauthorized', client, self.command, self.path, status)
        if spoils and self.command == 'POST' and status < 300 and EVACUATION.search(self.path) and self.accept(client, status):
            return
        self.answer(status, headers, content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = serve

    def accept(self, client, status):
        """Counts an accepted evacuation, and says whether its answer is to be lost."""
        with lock:
            State.accepted += 1
            lost = State.accepted == State.lose
            closes = State.refuse is not None and State.accepted == State.refuse[0]
            if closes:
                State.closed_until = time.time() + State.refuse[1]
                threading.Timer(State.refuse[1], say, ['open']).start()
        if closes:
            say('closed')
        if lost:
            say('lost', client, self.command, self.path, status)
            self.connection.shutdown(socket.SHUT_RDWR)
        return lost

    def ask_nova(self, client, body, token):
        headers = {k: v for k, v in self.headers.items() if k.lower() not in OWN}
        headers.update({'Host': self.headers.get('Host', ''), 'X-Forwarded-For': client, 'Connection': 'close'})
        if token:
            headers['X-Auth-Token'] = token
        nova = http.client.HTTPConnection(NOVA, self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            nova.request(self.command, self.path, body or None, headers)
            r = nova.getresponse()
            return r.status, [(k, v) for k, v in r.getheaders() if k.lower() not in OWN | {'content-length'}], r.read()
        finally:
            nova.close()

    def answer(self, status, headers, content):
        self.send_response_only(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header('Content-Length', str(len(content)))
        self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = False      # at its end it waits for the requests that it has taken
    allow_reuse_address = True
    request_queue_size = 100

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def obey(words):
    with lock:
        if words[0] == 'lose':
            State.lose = int(words[1])
        elif words[0] == 'refuse':
            State.refuse = (int(words[1]), float(words[2]))
        elif words[0] == 'spoil':
            State.spoilt |= State.tokens
        else:
            raise SystemExit('unknown command %s' % words[0])
    say('spoilt' if words[0] == 'spoil' else 'told')


def main(argv):
    if len(argv) != 3:
        raise SystemExit(__doc__)
    address, Handler.port, Handler.clients = argv[0], int(argv[1]), frozenset(argv[2].split(','))
    server = Server((address, Handler.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say('ready')
    for line in sys.stdin:
        if line.split():
            obey(line.split())
    server.shutdown()
    server.server_close()


if __name__ == '__main__':
    main(sys.argv[1:])
