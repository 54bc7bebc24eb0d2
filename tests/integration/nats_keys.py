# SPDX-License-Identifier: MIT
"""Who may do what on a server of NATS: an operator, an account and users with credentials files.

Their keys are Ed25519, written in base32 with a kind in front and a checksum behind. What each is
allowed is a JSON Web Token, signed by who stands above. The openssl command makes and signs.
"""

import base64
import binascii
import hashlib
import json
import os
import subprocess

from certificates import openssl
from waiting import PATIENCE

KINDS = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
SEED = 18 << 3
NO_LIMIT = dict.fromkeys(["subs", "data", "payload", "imports", "exports", "conn", "leaf",
                          "mem_storage", "disk_storage", "streams", "consumer"], -1)


def in_base32(data):
    """With the checksum behind, as all keys are written."""
    checksum = binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(data + checksum).decode().rstrip("=")


def in_base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """Of an operator, an account or a user."""

    def __init__(self, folder, kind, name):
        self.kind = kind
        self.name = name
        self.file = os.path.join(folder, f"{name}.pem")
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.file)
        prefix = KINDS[kind]
        self.public = in_base32(bytes([prefix]) + self.raw("-pubout"))
        self.seed = in_base32(bytes([SEED | prefix >> 5, (prefix & 31) << 3]) + self.raw())

    def raw(self, *options):
        """The 32 bytes with which both forms of DER end."""
        made = subprocess.run(["openssl", "pkey", "-in", self.file, "-outform", "DER", *options],
                              check=True, capture_output=True, timeout=PATIENCE)
        return made.stdout[-32:]

    def sign(self, data):
        """The signature of DATA, which openssl takes from a file alone."""
        file = self.file + ".data"
        with open(file, "wb") as out:
            out.write(data)
        signed = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.file,
                                 "-in", file], check=True, capture_output=True, timeout=PATIENCE)
        return in_base64(signed.stdout)

    def allow(self, key, **claims):
        """A token for another KEY, or for its own."""
        text = json.dumps({
            "iat": 1, "iss": self.public, "sub": key.public, "name": key.name,
            "jti": hashlib.sha256(key.public.encode()).hexdigest(),
            "nats": dict(claims, type=key.kind, version=2)}).encode()
        signed = in_base64(b'{"typ":"JWT","alg":"ed25519-nkey"}') + "." + in_base64(text)
        return signed + "." + self.sign(signed.encode())


class User:
    """Who has a credentials file."""

    def __init__(self, folder, account, name):
        self.key = Key(folder, "user", name)
        self.token = account.allow(self.key, subs=-1, data=-1, payload=-1)
        self.file = os.path.join(folder, f"{name}.creds")
        with open(self.file, "w", encoding="ascii") as file:
            for what, text in [("NATS USER JWT", self.token), ("USER NKEY SEED", self.key.seed)]:
                file.write(f"-----BEGIN {what}-----\n{text}\n------END {what}------\n\n")

    def answer(self, nonce):
        """What a client says of itself, asked by a server with this NONCE."""
        return {"jwt": self.token, "sig": self.key.sign(nonce.encode())}


class House:
    """An operator with one account, and the one that JetStream speaks to its own through."""

    def __init__(self, scratch, name="house"):
        self.folder = os.path.join(scratch, name)
        os.mkdir(self.folder)
        self.operator = Key(self.folder, "operator", "operator")
        self.account = Key(self.folder, "account", "account")
        self.system = Key(self.folder, "account", "system")

    def user(self, name):
        return User(self.folder, self.account, name)

    def options(self):
        """What stands in the configuration of a server."""
        known = "".join(f"{key.public}: {self.operator.allow(key, limits=limits)}\n"
                        for key, limits in [(self.account, dict(NO_LIMIT, wildcards=True)),
                                            (self.system, dict(subs=-1, conn=-1))])
        return (f"operator: {self.operator.allow(self.operator)}\nresolver: MEMORY\n"
                f"system_account: {self.system.public}\nresolver_preload: {{ {known} }}\n")
