# SPDX-License-Identifier: MIT
"""Programs that send over TLS what they read from their standard input: their command lines.

TLS_PROGRAMS[name](scratch, port, ca, version) is one of them, with a folder for what it needs, the
port on localhost, a file of the authority that it trusts, and "1.2" or "1.3".
"""

import os
import shutil
import subprocess
import sys

JAVA = """
import java.io.*; import java.nio.file.*; import java.security.*; import java.security.cert.*;
import javax.net.ssl.*;
class Send {
    public static void main(String[] a) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream(a[1])));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLSocket socket = (SSLSocket) context.getSocketFactory()
            .createSocket("localhost", Integer.parseInt(a[0]));
        socket.setEnabledProtocols(new String[] {a[2]});
        System.in.transferTo(socket.getOutputStream());
        socket.close();
    }
}
"""
NODE = """
const tls = require('tls'), fs = require('fs');
const [port, ca, version] = process.argv.slice(1);
const socket = tls.connect({port, host: '127.0.0.1', servername: 'localhost',
    ca: fs.readFileSync(ca), minVersion: version, maxVersion: version},
    () => process.stdin.pipe(socket));
"""
PYTHON = """
import socket, ssl, sys
port, ca, version = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
with socket.create_connection(('127.0.0.1', int(port))) as sock:
    tls = context.wrap_socket(sock, server_hostname='localhost')
    while data := sys.stdin.buffer.read1(65536):
        tls.sendall(data)
    tls.unwrap()
"""


def java_command(scratch, port, ca, version):
    if shutil.which("javac") is None:
        return ["javac"]  # it is named as what is missing
    path = os.path.join(scratch, "Send.java")
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(JAVA)
        subprocess.run(["javac", "-d", scratch, path], check=True, capture_output=True)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", scratch, "Send", str(port), ca,
            f"TLSv{version}"]


TLS_PROGRAMS = {
    "s_client": lambda _, port, ca, version: [
        "openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-CAfile", ca,
        "-connect", f"localhost:{port}", "-4", "-tls" + version.replace(".", "_")],
    "gnutls_cli": lambda _, port, ca, version: [
        "gnutls-cli", "--x509cafile", ca, "--port", str(port), "localhost",
        "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"],
    "ncat": lambda _, port, ca, version: [
        "ncat", "--ssl-verify", "--ssl-trustfile", ca, "--send-only", "-4", "localhost", str(port),
        "--ssl-ciphers", "ECDHE+CHACHA20" if version == "1.2" else "DEFAULT"],
    "socat": lambda _, port, ca, version: [
        "socat", "-u", "STDIN", f"OPENSSL:localhost:{port},pf=ip4,cafile={ca},"
        f"openssl-min-proto-version=TLS{version},openssl-max-proto-version=TLS{version}"],
    "node": lambda _, port, ca, version: [
        "node", "-e", NODE, str(port), ca, f"TLSv{version}"],
    "python": lambda _, port, ca, version: [
        sys.executable, "-c", PYTHON, str(port), ca, f"TLSv{version.replace('.', '_')}"],
    "java": java_command,
}
