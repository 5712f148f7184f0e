//! Numbers for people: sizes in bytes, and counts with their noun. `report/html/words.js` formats sizes the same way.

/// Formats a number of bytes as `0 B`, `9.5 kB` or `512 MB`, in powers of 1000.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.5 kB would round to `1000 kB`: write `1.0 MB`.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    // Two significant digits, and 9.95 already rounds to 10.
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// Formats `1 variable`, `2 variables`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
