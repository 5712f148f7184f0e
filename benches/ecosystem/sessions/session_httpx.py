"""A client, and what it would send and receive."""

import httpx

client = httpx.Client(base_url="https://example.org/", headers={"X-Token": "abc"})
request = httpx.Request("POST", "https://example.org/a", params={"b": "1"}, json={"n": 1})
response = httpx.Response(200, json={"ok": True}, request=request)
url = httpx.URL("https://me@example.org:8443/path?x=1#end")
timeout = httpx.Timeout(5.0, connect=1.0)
headers = httpx.Headers([("Accept", "text/html"), ("accept", "*/*")])

CHECKS = {
    "client": "str(client.base_url), client.headers['x-token'], client.build_request('GET', 'a').url.path",
    "request": "request.method, str(request.url), dict(request.headers), request.content",
    "response": "response.status_code, response.json(), response.is_success, str(response.request.url)",
    "url": "str(url), url.host, url.port, url.fragment, str(url.copy_with(path='/other'))",
    "timeout": "timeout.as_dict()",
    "headers": "headers.multi_items(), headers['ACCEPT']",
}
