"""Keys and certificates that tests make with the openssl command: authorities, what they sign, and when it ends."""

import http.client
import os
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from server import PATIENCE, Server

CONFIG = """
[ca]
default_ca = d
[d]
dir = {dir}
database = {dir}/index
new_certs_dir = {dir}
default_md = sha256
policy = p
unique_subject = no
rand_serial = yes
[p]
C = optional
O = optional
OU = optional
CN = optional
emailAddress = optional
[req]
distinguished_name = n
string_mask = utf8only
[n]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[client]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = clientAuth
"""
KINDS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}
DAY = 86400


def openssl(*arguments, **how):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=PATIENCE, **how)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Pair:
    """Files: the certificate with what leads to its authority, and its key."""

    cert: Path
    key: Path

    @property
    def serial(self):
        """Of the first certificate, as ssl.SSLSocket.getpeercert() has it."""
        return openssl("x509", "-in", self.cert, "-noout", "-serial").decode().strip().partition("=")[2]


class Authority:
    """Signs certificates, itself signed by `issuer` or by itself."""

    def __init__(self, folder, name, issuer=None):
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True)
        (self.folder / "index").touch()
        self.config = self.folder / "config"
        self.config.write_text(CONFIG.format(dir=self.folder))
        self.chain = b""  # what a server or client sends behind its own certificate
        self.issued = 0
        self.signed_by = issuer
        self.key = self._new_key("p256")
        own = (issuer or self)._sign(self.key, f"/CN={name}", "authority", -DAY, 365 * DAY, itself=not issuer)
        self.cert = self.folder / "authority.pem"
        self.cert.write_bytes(own)
        if issuer:
            self.chain = own + issuer.chain

    def _new_key(self, kind):
        self.issued += 1
        path = self.folder / f"{self.issued}.key"
        openssl("genpkey", *KINDS[kind], "-out", path)
        return path

    def _sign(self, key, subject, extensions, begins, ends, itself=False):
        now = time.time()
        request = openssl("req", "-new", "-utf8", "-key", key, "-subj", subject, "-config", self.config)
        by = ["-selfsign", "-keyfile", key] if itself else ["-cert", self.cert, "-keyfile", self.key]
        dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + shift)) for shift in (begins, ends)]
        return openssl(
            "ca", "-batch", "-notext", "-utf8", "-preserveDN", "-config", self.config, "-extensions", extensions,
            "-startdate", dates[0], "-enddate", dates[1], "-in", "/dev/stdin", *by, input=request,
        )  # fmt: skip

    def issue(self, subject="/CN=localhost", kind="p256", use="server", begins=-DAY, ends=90 * DAY, chain=True):
        """A new Pair; `begins` and `ends` are seconds from now."""
        key = self._new_key(kind)
        cert = key.with_suffix(".pem")
        cert.write_bytes(self._sign(key, subject, use, begins, ends) + (self.chain if chain else b""))
        return Pair(cert, key)

    def issue_itself(self, subject="/CN=alone", use="client"):
        """A certificate that nobody but itself has signed."""
        key = self._new_key("p256")
        cert = key.with_suffix(".pem")
        cert.write_bytes(self._sign(key, subject, use, -DAY, DAY, itself=True))
        return Pair(cert, key)


def client_context(ca=None, pair=None, version=None, alpn=None):
    """A client that trusts `ca` (a file; None: anybody) and shows the certificate of `pair`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def tls_connect(address, context=None, session=None):
    """address: (host, port). The handshake is done; a missing close_notify raises when it is read."""
    plain = socket.create_connection(address, timeout=PATIENCE)
    try:
        return (context or client_context()).wrap_socket(
            plain, server_hostname="localhost", session=session, suppress_ragged_eofs=False
        )
    except BaseException:
        plain.close()
        raise


def served_serial(address):
    """The serial number of the certificate that new connections get."""
    with tls_connect(address) as connection:
        der = connection.getpeercert(binary_form=True)
    return openssl("x509", "-inform", "DER", "-noout", "-serial", input=der).decode().strip().partition("=")[2]


def replace(path, content, how):
    """Gives a file another content: "rename" puts a new file in its place, "write" writes into it."""
    if how == "write":
        Path(path).write_bytes(content)
    else:
        fresh = Path(f"{path}.new")
        fresh.write_bytes(content)
        os.replace(fresh, path)


class TlsServer(Server):
    """The real server behind TLS."""

    def __init__(self, directory, pair, *flags, **how):
        super().__init__(directory, f"-tls.cert={pair.cert}", f"-tls.key={pair.key}", *flags, **how)
        self.context = client_context()

    def client(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    @property
    def url(self):
        return f"https://localhost:{self.port}"


def without_privileges(command):
    """As root, but as anybody else would be when it comes to the rights of files."""
    if os.geteuid() == 0:
        return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    return command
