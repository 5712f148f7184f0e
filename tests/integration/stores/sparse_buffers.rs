//! Buffers are stored as they are, so that they can be mapped; but zeros take no room on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::run;
use crate::env::Sandbox;
use crate::skipped::skipped;

/// The bytes on the disk of all objects, and the length of the longest.
fn on_disk(sandbox: &Sandbox) -> (u64, u64) {
    let objects = fs::read_dir(sandbox.work().join("z.snaps/objects")).unwrap();
    let found: Vec<_> = objects.map(|entry| entry.unwrap().metadata().unwrap()).collect();
    (found.iter().map(|found| found.blocks() * 512).sum(), found.iter().map(fs::Metadata::len).max().unwrap())
}

#[test]
fn zeros_take_no_room_and_come_back() {
    let sandbox = Sandbox::new();
    let hole = sandbox.work().join("hole");
    fs::File::create(&hole).unwrap().set_len(8 << 20).unwrap();
    if fs::metadata(&hole).unwrap().blocks() > 100 {
        return skipped("this file system has no holes in files");
    }
    for (array, check) in [
        ("np.zeros(1_000_000)", "(0.0, 0.0, 1000000)"),
        ("np.concatenate([np.zeros(600_000), [1.5]])", "(1.5, 1.5, 600001)"),
        ("np.concatenate([[2.5], np.zeros(600_000)])", "(2.5, 0.0, 600001)"),
        ("np.concatenate([np.zeros(400_000), [3.5], np.zeros(400_001)])", "(3.5, 0.0, 800002)"),
    ] {
        let _ = fs::remove_dir_all(sandbox.work().join("z.snaps"));
        sandbox.write("z.py", format!("import numpy as np\nz = {array}\n"));
        run(&sandbox, &["save", "-q", "-o", "z.snaps/", "z.py"]);
        let (bytes, longest) = on_disk(&sandbox);
        assert!(bytes < 700_000 && longest >= 4_800_000, "{array}: {bytes} of {longest}");
        for words in [&["restore", "z.snaps/"][..], &["restore", "--mmap", "z.snaps/"]] {
            let words = [words, &["-c", "float(z.sum()), float(z[-1]), len(z)"]].concat();
            run(&sandbox, &words).assert_stdout(&format!("{check}\n"));
        }
        run(&sandbox, &["verify", "z.snaps/"]);
        run(&sandbox, &["export", "-q", "z.snaps/", "-o", "z.pkl"]);
        let plain =
            "import dill; z = dill.load_module_asdict('z.pkl')['z']; print((float(z.sum()), float(z[-1]), len(z)))";
        sandbox.python(&["-c", plain]).assert_stdout(&format!("{check}\n"));
        run(&sandbox, &["save", "-q", "-o", "z.snaps/", "z.py"]);
        assert!(on_disk(&sandbox).0 < bytes + 20_000, "{array}");
    }
}
