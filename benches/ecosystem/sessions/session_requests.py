"""A session, a prepared request, a response, and an error."""

import requests

session = requests.Session()
session.headers["X-Token"] = "abc"
session.cookies.set("id", "7", domain="example.org")
session.auth = ("me", "secret")
prepared = requests.Request("POST", "https://example.org/a?b=1", json={"n": 1}).prepare()
response = requests.Response()
response.status_code, response.url, response.encoding = 200, prepared.url, "utf-8"
response._content = b'{"ok": true}'
response.headers["Content-Type"] = "application/json"
error = requests.HTTPError("404 Not Found", response=response)

CHECKS = {
    "session": "dict(session.headers), session.cookies.get_dict(), session.auth, sorted(session.adapters)",
    "prepared": "prepared.method, prepared.url, prepared.body, dict(prepared.headers)",
    "response": "response.json(), response.ok, response.url, response.headers['content-type']",
    "error": "str(error), type(error).__name__, error.response.text",
}
