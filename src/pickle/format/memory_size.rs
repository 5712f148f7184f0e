//! How much memory the machine has, which bounds the strings of a pickle: the parser validates no string that nothing
//! could load.

use std::fs;
use std::sync::LazyLock;

static TOTAL: LazyLock<Option<u64>> = LazyLock::new(|| sum(&fs::read_to_string("/proc/meminfo").ok()?));

/// Memory and swap space together, in bytes. `None` if the system does not tell.
pub(super) fn total() -> Option<u64> {
    *TOTAL
}

/// The sum of lines such as `MemTotal:  24689764 kB`.
fn sum(text: &str) -> Option<u64> {
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    kilobytes("MemTotal:")?.checked_add(kilobytes("SwapTotal:").unwrap_or(0))?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn memory_and_swap_are_added() {
        assert_eq!(sum("MemTotal:        1000 kB\nMemFree: 7 kB\nSwapTotal:  24 kB\n"), Some(1 << 20));
        assert_eq!(sum("MemTotal:        1000 kB\n"), Some(1_024_000));
        assert_eq!(sum("MemTotal: many\n"), None);
    }
}
