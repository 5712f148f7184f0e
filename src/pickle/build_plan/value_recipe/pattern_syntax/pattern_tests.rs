//! Patterns that Python compiles, and patterns that it refuses.

use super::*;

fn is_right(pattern: &str) -> bool {
    check(pattern.as_bytes(), true, UNICODE).is_ok()
}

#[test]
fn patterns_that_python_compiles_are_right() {
    for pattern in [
        "",
        "abc|d*?e+?f??",
        "(a(?:b)c)(d)\\1\\2",
        "(?P<name>a)(?P=name)(?(name)b|c)(?(1)d)",
        "[](][^](]\\[[a-z0-9_-][\\w-][\\]-a]",
        "(?i)(?m)x(?s-i:y)(?x: a # b\n)",
        "(?<=abc)(?<!a|b)x(?=y*)(?!z)",
        "a{2}b{2,}c{,3}d{,}e{f{}{1,x",
        "\\x41\\u0041\\U00000041\\0\\012\\101",
        "^a$\\A\\b\\B\\Z\\d\\D\\s\\S\\w\\W",
        "(?#a comment)a*",
        "(?>a)b++",
        "(?x) ( # a )\n b )",
        "(a)(?<=\\1)",
        "[[]",
        "]}",
        "(?:^)*",
    ] {
        assert!(is_right(pattern), "{pattern}");
    }
    assert!(check(b"\xff[\x80-\xff](?L)", false, 0).is_err());
    assert_eq!(check(b"(?L)\xff[\x80-\xff]", false, 0), Ok(()));
}

#[test]
fn patterns_that_python_refuses_are_wrong() {
    for pattern in [
        "(",
        "a)",
        "[a",
        "[]",
        "\\",
        "*a",
        "a**",
        "a|*",
        "(*a)",
        "^*",
        "\\b+",
        "a{3,2}",
        "a{4294967295}",
        "(?P<a>x)(?P<a>y)",
        "(?P<1>a)",
        "(?P=x)",
        "(?P<a",
        "(?Px)",
        "(?<=a*)b",
        "(?<=(a))\\1(?<=\\1(a))\\9",
        "\\q",
        "\\1",
        "(a\\1)",
        "(?z)",
        "(?",
        "(?i",
        "(?i-i:a)",
        "(?-u:a)",
        "x(?i)",
        "(|(?i))",
        "[z-a]",
        "[\\d-z]",
        "[a-\\w]",
        "[\\8]",
        "[\\A]",
        "\\400",
        "[\\400]",
        "\\x1",
        "\\u12",
        "\\U00110000",
        "(?(2)a)",
        "(?(0)a)",
        "(?(x)a)",
        "(?(1)a|b|c)",
        "(?a)(?u)a",
        "(?L)a",
        "(?#a",
        "(?=a",
        "(?<a)",
        "(?<=(?(1)a|bb)(c))",
        "(?au)a",
        "(a)(?<=(b)\\2)",
    ] {
        assert!(!is_right(pattern), "{pattern}");
    }
    assert!(check("(?:".repeat(300).as_bytes(), true, 0).is_err_and(|why| why.contains("100 groups")));
    assert!(check(b"\\u0041", false, 0).is_err() && check(b"a", true, LOCALE).is_err());
    assert!(check(b"a", false, UNICODE).is_err());
}
