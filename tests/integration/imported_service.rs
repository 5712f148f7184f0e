//! The example of a web service (`examples/session_service`): sessions of its clients, apart from each other, in a real
//! server, with many requests at the same time.

use std::path::Path;

use crate::env::{Sandbox, Stack, main_python, scratch_venv, venv};
use crate::skipped::skipped;

const CLIENT: &str = r#"
import asyncio, os, pickle, socket, subprocess, sys, time
import httpx

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
words = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"]
# On a busy machine, connections wait for longer than the five seconds after which the server closes them, and a request
# that arrives at that moment has no answer.
words += ["--timeout-keep-alive", "600"]
server = subprocess.Popen(words, cwd=sys.argv[1])
address = f"http://127.0.0.1:{port}"

async def one(client, number):
    """A session is filled, saved, changed, and restored under another name."""
    mine, other = f"/sessions/s{number}", f"/sessions/copy{number}"
    code = f"""
number = {number}
history = []
def add(x):
    history.append(x)
    return sum(history) + number
class Counter:
    def __init__(self): self.n = number
    def up(self): self.n += 1; return self.n
counter = Counter()
lock = memoryview(b'x')
"""
    run = lambda where, code, show: client.post(where + "/run", json={"code": code, "show": show})
    assert (await run(mine, code, "add(5)")).json() == {"shown": repr(5 + number)}
    answer = await client.get(mine + "/state")
    assert answer.status_code == 200 and answer.headers["x-lost"] == "lock", answer.text
    await run(mine, "number = 'changed'; history.clear()", "None")
    answer = await client.put(other + "/state", content=answer.content)
    assert answer.json() == {"variables": ["Counter", "add", "counter", "history", "number"]}, answer.text
    assert (await run(other, "", "(number, history, counter.up(), add(1))")).json() == {
        "shown": repr((number, [5, 1], number + 1, 6 + number))}
    # The restored functions see what the session defines anew.
    assert (await run(other, "number = 1000", "add(0)")).json() == {"shown": "1006"}
    # A restored session is saved again.
    answer = await client.get(other + "/state")
    assert answer.status_code == 200 and answer.headers["x-lost"] == "", answer.text

class Runs:
    def __reduce__(self):
        return os.system, ("touch run",)

async def main():
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=120) as client:
        for _ in range(1200):
            try:
                await client.get("/docs")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        await asyncio.gather(*[one(client, number) for number in range(100)])
        refused = await client.put("/sessions/evil/state", content=pickle.dumps({"x": Runs()}))
        assert refused.status_code == 422 and "not trusted" in refused.text, refused.text
        missing = b"\x80\x04cno_such_module\nThing\n)\x81."
        for bad in (b"", b"text", pickle.dumps([1])[:-2], missing, b"\x80\x04\x95", bytes(100)):
            refused = await client.put("/sessions/bad/state", content=bad)
            assert refused.status_code == 422, (bad, refused.text)
        await client.post("/sessions/odd/run", json={"code": "globals()[7] = 8"})
        assert (await client.get("/sessions/odd/state")).status_code == 422
        await client.post("/sessions/far/run", json={"code": "変数 = memoryview(b'x')"})
        assert (await client.get("/sessions/far/state")).status_code == 200
        plain = await client.put("/sessions/plain/state", content=pickle.dumps({"x": [1]}))
        assert plain.json() == {"variables": ["x"]}, plain.text
    print("all apart")

try:
    asyncio.run(main())
finally:
    server.terminate()
    print(server.wait(30))
"#;

#[test]
fn a_web_service_keeps_a_hundred_sessions_apart() {
    let Some(python) = scratch_venv(main_python(), "service", &["fastapi", "uvicorn", "httpx"]) else {
        return skipped("fastapi, uvicorn and httpx cannot be installed");
    };
    let sandbox = Sandbox::with(python);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/session_service");
    sandbox.write("app.py", std::fs::read(example.join("app.py")).unwrap());
    sandbox.write("client.py", CLIENT);
    let work = sandbox.work().display().to_string();
    let run = sandbox.call_importing(&["client.py", &work]).run();
    assert!(run.out().starts_with("all apart\n"), "{}", run.whole());
    assert!(!sandbox.work().join("run").exists());
}

#[test]
fn the_functions_of_the_example_are_those_that_a_reader_copies() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/session_service/app.py");
    let text = std::fs::read_to_string(app).unwrap();
    let start = text.find("def save_state").unwrap();
    let end = text.find("class Session").unwrap();
    let code = format!(
        "import snapcli\nfrom typing import Any\n{}\nnames = {{'x': 1}}\nexec('def f(): return x', names)\n\
         back = restore_state(save_state(names))\nback['x'] = 2\nprint(back['f'](), names['f']())\n",
        &text[start..end]
    );
    sandbox.call_importing(&["-c", &code]).run().assert_stderr("").assert_stdout("2 1\n");
}
