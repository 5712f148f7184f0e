"""Keys and names."""

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

fernet = Fernet(b"c25hcGNsaSBlY29zeXN0ZW0gYmVuY2ggc2Vzc2lvbi4=")
key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
pub = key.public_key()
country = x509.NameAttribute(NameOID.COUNTRY_NAME, "NO")
name = x509.Name([country, x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])

CHECKS = {
    "fernet": "fernet.decrypt(fernet.encrypt_at_time(b'secret', 0)), fernet._signing_key",
    "key": "key.sign(b'data')",
    "pub": "pub.public_bytes_raw()",
    "name": "name.rfc4514_string(), len(name)",
}
