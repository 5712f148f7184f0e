//! The files in `completions/` match the output of `snapcli completions`.

use crate::env::Sandbox;

#[test]
#[cfg(feature = "python")]
fn the_completion_files_are_up_to_date() {
    let sandbox = Sandbox::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let files = [
        ("bash", "snapcli.bash"),
        ("zsh", "_snapcli"),
        ("fish", "snapcli.fish"),
        ("elvish", "snapcli.elv"),
        ("powershell", "_snapcli.ps1"),
    ];
    for (shell, file) in files {
        let run = sandbox.snapcli(&["completions", shell]);
        run.assert_code(0);
        let kept = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let diff = crate::env::line_diff(file, &kept, "printed", &run.out());
        assert!(diff.is_empty(), "make it anew: cargo run -- completions {shell} > completions/{file}\n{diff}");
    }
}
