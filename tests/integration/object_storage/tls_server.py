"""HTTPS servers for a folder: with a good certificate, one for another host, and one that has expired.

Writes the certificate of its authority, `ca.pem`, to the folder, and prints the ports. Ends when its standard input does.
"""

import datetime
import http.server
import ipaddress
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
folder = sys.argv[1]
now = datetime.datetime.now(datetime.timezone.utc)
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


def pem(path, *objects):
    with open(path, "wb") as file:
        for it in objects:
            if hasattr(it, "private_bytes"):
                file.write(it.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
            else:
                file.write(it.public_bytes(PEM))


def made(name, key, issuer, issuer_key, days, names=None):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=20))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=folder)

    def log_message(self, *_):
        pass


ca_key = ec.generate_private_key(ec.SECP256R1())
ca = made("Test Authority", ca_key, None, ca_key, 20)
pem(f"{folder}/ca.pem", ca)
here, other = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], [x509.DNSName("other.example")]
ports = []
for kind, names, days in [("good", here, 10), ("other", other, 10), ("expired", here, -5)]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem(f"{folder}/{kind}.pem", key, made(kind, key, ca.subject, ca_key, days, names))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{kind}.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports.append(server.server_address[1])
print(*ports, flush=True)
sys.stdin.read()
