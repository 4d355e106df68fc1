"""A server with scripted responses, and the kit's `ab` in this process."""

import io
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from eventlab.commands.ab import main

OURS = [sys.executable, "-c", "import sys; from eventlab.commands.ab import main; sys.exit(main(sys.argv[1:]))"]


BODY = b"This is the default response!\n"


OK = b"HTTP/1.0 200 OK\r\nServer: Test/1.0 (x)\r\nContent-Length: 30\r\n\r\n" + BODY


class Server:
    """A server that sends scripted responses and records the requests.

    With `hold`, it responds only after this event is set.
    """

    def __init__(self, answer=lambda number: OK, keep_alive=False, reset=False, hold=None):
        self.answer, self.keep_alive, self.reset, self.hold = answer, keep_alive, reset, hold
        self.requests: list[bytes] = []
        self.open, self.most_open = 0, 0
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/a?b=1"

    def accept(self):
        """Accept connections until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            thread = threading.Thread(target=self.serve, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        """Answer the requests of a connection."""
        with connection:
            try:
                while data := connection.recv(65536):
                    with self.lock:
                        self.requests.append(data)
                        number = len(self.requests)
                    if self.hold:
                        self.hold.wait(10)
                    connection.sendall(self.answer(number))
                    if not self.keep_alive:
                        break
            except OSError:
                pass
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self.lock:
            self.open -= 1


@contextmanager
def server(**script):
    """Run a scripted server."""
    scripted = Server(**script)
    acceptor = threading.Thread(target=scripted.accept)
    acceptor.start()
    try:
        yield scripted
    finally:
        scripted.listener.shutdown(socket.SHUT_RDWR)
        scripted.listener.close()
        acceptor.join()
        for thread in scripted.threads:
            thread.join()


def kits_ab(*arguments):
    """Run the kit's `ab` in this process: the result is that of subprocess.run."""
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
        code = main(list(arguments))
    printed = output.getvalue().replace("\r\n", "\n")
    return subprocess.CompletedProcess(arguments, code, printed, errors.getvalue())
