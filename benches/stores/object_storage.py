"""A server with as much of S3 as reading needs: it serves a folder as a bucket, and counts the bytes that it sends.

For measurements only: it checks no signatures. The tests use a complete server. It is a process of its own, whose
argument is the folder, and prints its port.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

COUNTS = "/counts"
XML = {"Content-Type": "application/xml"}


class Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        _, bucket, *key = unquote(url.path).split("/", 2)
        if url.path == COUNTS:
            counts = {"sent": self.server.sent, "requests": self.server.requests}
            self.send(200, json.dumps(counts).encode(), {}, with_body)
            self.server.sent = self.server.requests = 0
            return None
        self.server.requests += 1
        if "list-type" in query:
            return self.send(200, listing(self.server.folder, bucket, query), XML, with_body)
        path = os.path.join(self.server.folder, *key)
        if not os.path.isfile(path):
            return self.send(404, b"<Error><Code>NoSuchKey</Code></Error>", XML, with_body)
        length = os.path.getsize(path)
        headers = {"ETag": f'"{length:x}"', "Last-Modified": "Sun, 29 Nov 2026 08:00:00 GMT", "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last, status = 0, length - 1, 200
        if wanted:
            start, end = wanted.groups()
            first = int(start) if start else max(0, length - int(end))
            last = min(int(end), length - 1) if start and end else length - 1
            status = 206
            headers["Content-Range"] = f"bytes {first}-{last}/{length}"
        if not with_body:
            return self.send(status, None, headers | {"Content-Length": last + 1 - first}, False)
        with open(path, "rb") as file:
            file.seek(first)
            self.send(status, file.read(last + 1 - first), headers, True)

    def send(self, status, body, headers, with_body):
        self.send_response(status)
        for name, value in ({"Content-Length": len(body or b"")} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)
            self.server.sent += len(body)


def listing(folder, bucket, query):
    prefix = query.get("prefix", [""])[0]
    delimiter = query.get("delimiter", [""])[0]
    keys, folders = [], set()
    for root, _, names in os.walk(folder):
        for name in names:
            key = os.path.relpath(os.path.join(root, name), folder)
            if key.startswith(prefix):
                rest = key[len(prefix):]
                if delimiter and delimiter in rest:
                    folders.add(prefix + rest.split(delimiter)[0] + delimiter)
                else:
                    keys.append((key, os.path.getsize(os.path.join(root, name))))
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>&quot;{size:x}&quot;</ETag>"
        "<LastModified>2026-11-29T08:00:00.000Z</LastModified></Contents>"
        for key, size in sorted(keys)
    )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
        f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}{common}</ListBucketResult>"
    ).encode()


class Server:
    """The process, and the environment variables by which it is found."""

    def __init__(self, folder):
        words = [sys.executable, os.path.abspath(__file__), folder]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        os.environ |= {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
        }

    def counts(self):
        """The bytes that it has sent since the last call, and the number of requests."""
        with urllib.request.urlopen(self.address + COUNTS) as answer:
            return json.load(answer)

    def stop(self):
        self.process.kill()
        self.process.wait()


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.folder, server.sent, server.requests = sys.argv[1], 0, 0
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
