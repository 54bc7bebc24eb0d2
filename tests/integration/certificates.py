# SPDX-License-Identifier: MIT
"""Certificates for tests, by the openssl command: an authority, and what it issues."""

import os
import subprocess
import time

from waiting import PATIENCE

DAY = 86400
CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
x509_extensions = none
[any]
commonName = supplied
[none]
"""


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=PATIENCE,
                   stdin=subprocess.DEVNULL)


def new_key(kind, path):
    options = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}
    openssl("genpkey", *options.get(kind, ["-algorithm", "RSA", "-pkeyopt",
                                           f"rsa_keygen_bits:{kind}"]), "-out", path)
    os.chmod(path, 0o600)


def moment(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))


class Certificate:
    """Two files in PEM."""

    def __init__(self, folder, name):
        self.file = os.path.join(folder, f"{name}.crt")
        self.key = os.path.join(folder, f"{name}.key")

    def settings(self, **more):
        """A listener that shows it."""
        return dict(address="127.0.0.1", port=0, tls="required", certificate=self.file,
                    key=self.key, **more)

    def as_authority(self):
        """The one whom this certificate makes an authority."""
        folder, name = os.path.split(self.file)
        return Authority(folder, f"{name}-signs", of=self)

    def behind(self, *others):
        """With the certificates OTHERS behind its own, as a chain has it. Returns: itself."""
        with open(self.file, "a", encoding="ascii") as file:
            for other in others:
                with open(other.file, encoding="ascii") as more:
                    file.write(more.read())
        return self


class Authority(Certificate):
    """Who signs certificates, in a folder of its own. OF: who got its certificate from another."""

    def __init__(self, scratch, name="authority", of=None):
        folder = os.path.join(scratch, name)
        os.mkdir(folder)
        super().__init__(folder, "ca")
        self.folder = folder
        self.configuration = os.path.join(folder, "openssl.cnf")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(folder=folder))
        with open(os.path.join(folder, "index"), "w", encoding="ascii"):
            pass
        if of is not None:
            self.file, self.key = of.file, of.key
            return
        new_key("ec", self.key)
        openssl("req", "-new", "-x509", "-key", self.key, "-out", self.file, "-days", "30",
                "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", kind="ec", usage=None,
              key_usage=None, begins=-DAY, ends=90 * DAY, signs=False):
        """Sign one for NAMES. BEGINS and ENDS: seconds from now. SIGNS: it may sign others."""
        made = Certificate(self.folder, name)
        extensions = os.path.join(self.folder, f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"basicConstraints = CA:{'TRUE' if signs else 'FALSE'}\n")
            file.write("authorityKeyIdentifier = keyid\n")
            if names:
                file.write(f"subjectAltName = {names}\n")
            if usage:
                file.write(f"extendedKeyUsage = {usage}\n")
            if key_usage:
                file.write(f"keyUsage = {key_usage}\n")
        new_key(kind, made.key)
        request = os.path.join(self.folder, f"{name}.csr")
        openssl("req", "-new", "-key", made.key, "-out", request, "-subj", f"/CN={name}")
        openssl("ca", "-batch", "-notext", "-config", self.configuration, "-cert", self.file,
                "-keyfile", self.key, "-in", request, "-out", made.file, "-extfile", extensions,
                "-startdate", moment(begins), "-enddate", moment(ends))
        return made
