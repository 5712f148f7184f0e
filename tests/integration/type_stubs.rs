//! The type stubs of `import snapcli` describe the module as it is, and a typed program can use it.

use crate::env::{Sandbox, Stack, engine_package, main_python, venv};

const TYPED: &str = "
import io
from typing import Any

import snapcli

report = snapcli.save('a.pkl', {'x': [1], 'bad': memoryview(b'')})
lost: snapcli.Lost = report.lost['bad']
words: list[str] = [lost.where, lost.type, lost.reason, *report.saved]
answer: dict[str, Any] = report.to_dict()
restored: list[str] = snapcli.restore(io.BytesIO(snapcli.save(None, {'y': 1}).data or b''), into={}).restored
tree: dict[str, Any] = snapcli.inspect('a.pkl', trace='x')
print(words, answer['schema'], restored, tree['tree']['where'])
";

#[test]
fn the_stubs_are_those_of_the_module() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Types));
    let package = engine_package();
    let check = |words: &[&str]| sandbox.call_importing(words).env("MYPYPATH", package).run();
    check(&["-m", "mypy.stubtest", "snapcli"]).assert_code(0);
    sandbox.write("typed.py", TYPED);
    check(&["-m", "mypy", "--strict", "typed.py"]).assert_code(0);
    let expected = "['bad', 'memoryview', 'TypeError: cannot pickle memoryview objects', 'x'] 2 ['y'] x\n";
    check(&["typed.py"]).assert_stdout(expected);
    // What the stubs do not say is an error.
    sandbox.write("wrong.py", "import snapcli\nsnapcli.save('a.pkl').where\nsnapcli.restore(3)\n");
    let wrong = check(&["-m", "mypy", "--strict", "wrong.py"]);
    wrong.assert_code(1);
    assert_eq!(wrong.out().matches("error:").count(), 2, "{}", wrong.whole());
}
