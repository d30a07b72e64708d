"""A server of HTTP that many may ask at once, and no more than it can bear."""

import socket
import threading
from http.server import ThreadingHTTPServer

MOST_AT_ONCE = 64


class BoundedServer(ThreadingHTTPServer):
    """Answers a bounded number at once, and hangs up on more."""

    daemon_threads = True

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request, client_address):
        """A connection has come."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        """One is answered, in a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request, client_address):
        """A connection that breaks is no news."""
