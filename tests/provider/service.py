"""A service as tests want them: answers 200 on any path, and misbehaves as its environment says."""

import http.server
import os
import signal
import socket
import socketserver
import subprocess
import sys
import time
from pathlib import Path


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = os.environ.get("SAYS", "ok").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/die":
            os._exit(3)

    def address_string(self) -> str:
        return "client"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    say(f"starting with {os.environ.get('SAYS', 'nothing to say')}")
    if "CRASHES" in os.environ:
        say("model.skops is not a model")
        sys.exit(7)
    if "STUBBORN" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "GRANDCHILD" in os.environ:
        away = subprocess.Popen(["sleep", "300"], start_new_session=True)
        Path(os.environ["GRANDCHILD"]).write_text(str(away.pid))
    if "CHATTY" in os.environ:
        for number in range(int(os.environ["CHATTY"])):
            say(f"{number:099d}")
    time.sleep(float(os.environ.get("SLOW", "0")))
    where = sys.argv[1]
    if where.isdigit():
        http.server.ThreadingHTTPServer(("127.0.0.1", int(where)), Answer).serve_forever()
    else:
        assert not Path(where).is_absolute() or len(where) < 100
        UnixServer(where, Answer).serve_forever()


if __name__ == "__main__":
    assert socket.AF_UNIX
    main()
