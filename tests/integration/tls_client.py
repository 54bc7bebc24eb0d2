# SPDX-License-Identifier: MIT
"""A TLS client that is in command of every byte: records are sealed here and sent by the test."""

import socket
import ssl

from clients import connect, name_of
from waiting import PATIENCE


def context_for(authority, own=None, version=None, names=True):
    """A client's context that trusts AUTHORITY. OWN: the certificate that it shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = names
    context.load_verify_locations(authority.file)
    if own is not None:
        context.load_cert_chain(own.file, own.key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def tls_connect(port, context, name="localhost", sock=None):
    """A connection that has shaken hands."""
    sock = sock or connect(port)
    sock.settimeout(PATIENCE)
    return context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False)


def tls_finish(sock):
    """close_notify, and wait for the other one and the end. Returns: what the daemon called it."""
    name = name_of(sock)
    plain = sock.unwrap()
    assert plain.recv(1) == b"", "something came behind close_notify"
    plain.close()
    return name


class ByHand:
    """TLS over a socket whose bytes the test sends itself."""

    def __init__(self, port, context, sock=None):
        self.sock = sock or connect(port)
        self.name = name_of(self.sock)
        self.came, self.leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.leaves, server_hostname="localhost")

    def hello(self):
        """The bytes of a ClientHello."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.leaves.read()

    def shake(self):
        """The whole handshake. Returns: itself."""
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self.leaves.read())
                self.hear()
        self.sock.sendall(self.leaves.read())
        return self

    def hear(self):
        data = self.sock.recv(65536)
        if data:
            self.came.write(data)
        else:
            self.came.write_eof()
        return data

    def seal(self, text):
        """TEXT as records."""
        self.tls.write(text)
        return self.leaves.read()

    def say(self, text):
        self.sock.sendall(self.seal(text))

    def read(self):
        """The next text of the other side; b"" at close_notify. An alert is an ssl.SSLError."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.hear()
            except ssl.SSLZeroReturnError:
                return b""

    def close(self):
        self.sock.close()

    def end(self):
        """FIN without close_notify."""
        self.sock.shutdown(socket.SHUT_WR)
