# SPDX-License-Identifier: MIT
"""Certificates for a test, made by the openssl program: an authority, and what it signs, good
and bad."""

import os
import shutil
import subprocess

OPENSSL = shutil.which("openssl")

CONFIGURATION = """
[ca]
default_ca = it
[it]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
x509_extensions = signed
[any]
commonName = supplied
[signed]
authorityKeyIdentifier = keyid
"""


class Authority:
    """An authority in FOLDER: ca.pem, ca.key, and NAME.pem, NAME.key for each it signs."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        with open(self.path("conf"), "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(folder=folder))
        with open(self.path("index"), "w", encoding="ascii"):
            pass
        with open(self.path("serial"), "w", encoding="ascii") as file:
            file.write("1000\n")
        self.openssl("req", "-x509", *self.new_key("ca"), "-out", self.path("ca.pem"), "-days", "9",
                     "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign")

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.path(name + ".key")]

    @staticmethod
    def openssl(*words):
        done = subprocess.run([OPENSSL, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"openssl {words}: {done.stderr}"

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", first="20200101000000Z",
             last="20990101000000Z", usage="serverAuth,clientAuth"):
        """A certificate for the given names, a period, and a use. Returns: its files."""
        extensions = ["-addext", f"extendedKeyUsage={usage}"]
        if names:
            extensions += ["-addext", f"subjectAltName={names}"]
        self.openssl("req", "-new", *self.new_key(name), "-out", self.path(name + ".csr"), "-subj",
                     "/CN=localhost", *extensions)
        self.openssl("ca", "-batch", "-notext", "-config", self.path("conf"), "-in",
                     self.path(name + ".csr"), "-out", self.path(name + ".pem"), "-startdate",
                     first, "-enddate", last)
        return self.path(name + ".pem"), self.path(name + ".key")
