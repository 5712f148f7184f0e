//! `import snapcli` in processes that snapcli has not started.

use crate::env::Sandbox;

#[test]
fn a_plain_python_saves_and_restores() {
    let sandbox = Sandbox::new();
    let saves = "import snapcli\ndef double(x):\n    return x * factor\nfactor = 2\nsnapcli.save('a.pkl')";
    sandbox.call_importing(&["-c", saves]).run().assert_code(0).assert_stderr("");
    let restores = "import snapcli; snapcli.restore('a.pkl'); print(double(21))";
    sandbox.call_importing(&["-c", restores]).run().assert_code(0).assert_stdout("42\n");
}
