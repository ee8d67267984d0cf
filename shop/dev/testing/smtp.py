"""SMTP server that refuses on request."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any


class _Talk(socketserver.StreamRequestHandler):
    """A connection (RFC 5321), enough for smtplib."""

    server: "MailServer"

    def handle(self) -> None:
        self.server.connections += 1
        self._say("greeting", "220 mail.example.com")
        while line := self.rfile.readline():
            command = line.split(None, 1)[0].upper().decode()
            if command == "DATA" and self._say("data", "354 go on"):
                self._take()
            elif command == "QUIT":
                self._say("quit", "221 bye")
                return
            elif command in ("EHLO", "MAIL", "RCPT", "AUTH", "RSET", "NOOP"):
                usual = {"EHLO": "250-mail.example.com\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}
                self._say(command.lower(), usual.get(command, "250 fine"))

    def _say(self, step: str, usual: str) -> bool:
        """Return whether the usual answer was sent."""
        if step in self.server.silent:
            self.server.stopping.wait()
        answer = self.server.answers.get(step, usual)
        self.wfile.write(answer.encode() + b"\r\n")
        return answer == usual

    def _take(self) -> None:
        data = b""
        while (line := self.rfile.readline()) != b".\r\n":
            data += line
        if "message" not in self.server.answers:
            self.server.taken.append(message_from_bytes(data))
        self._say("message", "250 taken")


class MailServer(socketserver.ThreadingTCPServer):
    """``taken``: accepted mails. ``answers`` by step: greeting, ehlo, auth, mail, rcpt, data, message, noop.
    ``silent``: steps without an answer.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: list[Message] = []
        self.answers: dict[str, str] = {}
        self.silent: set[str] = set()
        self.connections = 0
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]


@contextlib.contextmanager
def mail_server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "shop", "secret"
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join(10)
