//! What `/proc` says about the memory of this process.

use std::fs;

use super::PageRange;

/// Whether writes to pages of this process may be watched at all.
///
/// A system call filter may end a process that makes an unexpected call. A page that is pinned for a device changes
/// without a write that the page tables would note; pinning it is such a write, so a page that was watched before it
/// was pinned counts as written.
pub(super) fn allow_watching() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| has_no_filter_and_no_pins(&status))
}

fn has_no_filter_and_no_pins(status: &str) -> bool {
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()
    };
    value("Seccomp") == Some("0") && value("VmPin") == Some("0")
}

/// Whether all these pages belong to this process alone: another one can write to a shared mapping or to a file, and
/// its page tables are not ours.
pub(super) fn are_own(pages: PageRange) -> bool {
    fs::read_to_string("/proc/self/maps").is_ok_and(|maps| are_private(&maps, pages))
}

/// See `are_own`. A line of `maps` is `START-END PERMISSIONS OFFSET DEVICE INODE PATH`, sorted by `START`.
fn are_private(maps: &str, pages: PageRange) -> bool {
    let mut covered = pages.start;
    for line in maps.lines() {
        let Some((start, end, is_private)) = mapping(line) else { return false };
        if end <= covered {
            continue;
        }
        if start > covered || !is_private {
            return false;
        }
        covered = end;
        if covered >= pages.end {
            return true;
        }
    }
    false
}

/// The addresses of a line, and whether it is anonymous memory that is not shared.
fn mapping(line: &str) -> Option<(usize, usize, bool)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    let (permissions, _, device, inode) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_private = permissions.ends_with('p') && device == "00:00" && inode == "0";
    Some((address(start)?, address(end)?, is_private))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
00001000-00003000 rw-p 00000000 00:00 0
00003000-00005000 rw-p 00000000 00:00 0                                  [heap]
00005000-00006000 rw-s 00000000 00:01 12                                 /dev/zero (deleted)
00007000-00009000 rw-p 00000000 fe:00 34                                 /data/a b
0000a000-0000b000 rw-p 00000000 00:00 0
";

    #[test]
    fn only_private_anonymous_memory_is_own() {
        let are_private = |start, end| are_private(MAPS, PageRange { start, end });
        assert!(are_private(0x1000, 0x3000) && are_private(0x2000, 0x5000) && are_private(0xa000, 0xb000));
        // Shared, of a file, not mapped, and beyond the last mapping.
        assert!(!are_private(0x4000, 0x6000) && !are_private(0x7000, 0x8000) && !are_private(0x6000, 0x7000));
        assert!(!are_private(0xa000, 0xc000) && !are_private(0x9000, 0xb000) && !are_private(0x0, 0x2000));
    }

    #[test]
    fn filters_and_pins_forbid_it() {
        let allowed = |seccomp: &str, pinned: &str| {
            has_no_filter_and_no_pins(&format!(
                "VmPin:\t       {pinned} kB\nSeccomp:\t{seccomp}\nSeccomp_filters:\t0\n"
            ))
        };
        assert!(allowed("0", "0"));
        assert!(!allowed("2", "0") && !allowed("0", "4") && !has_no_filter_and_no_pins("Seccomp:\t0\n"));
    }
}
