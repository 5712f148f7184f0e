"""A web service in which every client has a Python session of its own, and can take it away as bytes.

    pip install snapcli fastapi uvicorn
    uvicorn app:app

The service signs the bytes with its key, so it restores functions and classes only from bytes that it has written. From
any other bytes it builds plain data or refuses them. Several workers need the same key: set SNAPCLI_KEY.

The clients run code in the process of the service: this is for people who may do that.
"""

import threading
from typing import Any
from urllib.parse import quote

import snapcli
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel


def save_state(namespace: dict[str, Any]) -> bytes:
    """The variables of a session, with its functions and classes."""
    data = snapcli.save(None, namespace).data
    assert data is not None
    return data


def restore_state(state: bytes) -> dict[str, Any]:
    """A session of its own, made from those bytes: its functions use the variables of this dict."""
    namespace: dict[str, Any] = {}
    snapcli.restore(state, into=namespace)
    return namespace


class Session:
    """The namespace of a client. Its requests take turns; those of other clients do not wait for them."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self.lock = threading.Lock()


class Code(BaseModel):
    """Code to run, and an expression to show afterwards."""

    code: str = ""
    show: str = "None"


app = FastAPI(title="Python sessions")
sessions: dict[str, Session] = {}


def session(name: str) -> Session:
    """The session of this name, which is made at the first request."""
    return sessions.setdefault(name, Session())


# Functions without `async` run in threads, so that one client's code does not stop the others.
@app.post("/sessions/{name}/run")
def run(name: str, body: Code) -> dict[str, str]:
    """Runs code in a session, and shows the value of an expression."""
    client = session(name)
    with client.lock:
        exec(compile(body.code, f"<{name}>", "exec"), client.namespace)
        return {"shown": repr(eval(body.show, client.namespace))}


@app.get("/sessions/{name}/state")
def get_state(name: str) -> Response:
    """The session as bytes. The header names what could not be saved."""
    client = session(name)
    with client.lock:
        try:
            report = snapcli.save(None, client.namespace)
        except Exception as error:
            # Such as a key of the namespace that is no name.
            raise HTTPException(422, f"the session cannot be saved: {error}") from error
    # A header is ASCII, and the client chooses the names.
    lost = quote(", ".join(report.lost), safe=", ", errors="replace")
    return Response(report.data, media_type="application/octet-stream", headers={"X-Lost": lost})


@app.put("/sessions/{name}/state")
async def put_state(name: str, request: Request) -> dict[str, list[str]]:
    """Replaces a session by one that was saved."""
    state = await request.body()
    try:
        namespace = await run_in_threadpool(restore_state, state)
    except Exception as error:
        # Not trusted, damaged, no pickle at all, or of a module that is not installed here: the client sent it.
        raise HTTPException(422, str(error)) from error
    sessions[name] = restored = Session()
    restored.namespace = namespace
    return {"variables": sorted(name for name in namespace if name != "__builtins__")}
