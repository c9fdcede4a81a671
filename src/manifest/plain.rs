//! What an unquoted YAML scalar means. Only what every reader of YAML 1.1 and 1.2 understands alike is taken; the rest
//! has to be quoted.

use serde_json::{Number, Value};

/// The value of a plain scalar, or `None` where readers differ.
pub(super) fn resolve(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" => return Some(Value::Null),
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ => {}
    }
    if is_word_of_old(text) {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if is_whole(digits) && text != "-0" {
        let number = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
        return number.ok().map(Value::Number);
    }
    if is_decimal(digits) {
        return text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number);
    }
    if looks_like_number(text) { None } else { Some(Value::String(text.to_owned())) }
}

/// Booleans and nulls of YAML 1.1 that YAML 1.2 takes for strings, and the spellings in capitals.
fn is_word_of_old(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `0` or digits that do not begin with it, as in JSON.
fn is_whole(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'))
}

/// `1.5`; exponents are left out, as readers differ on them.
fn is_decimal(digits: &str) -> bool {
    let is_fraction = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.split_once('.').is_some_and(|(whole, fraction)| is_whole(whole) && is_fraction(fraction))
}

/// What some reader takes for a number or a date: octal, hexadecimal, sexagesimal, `1_000`, `1e3`, `.5`, `+1`, `.inf`.
fn looks_like_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan" | "-0") {
        return true;
    }
    let radix = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_'))
    };
    if radix("0x") || radix("0o") || radix("0b") {
        return true;
    }
    let is_float = {
        let rest = lower.strip_prefix('.').unwrap_or(&lower);
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|byte| byte.is_ascii_digit() || b"._e+-".contains(&byte))
            && lower.bytes().filter(|byte| *byte == b'.').count() <= 1
            && !is_hyphenated(&lower)
    };
    is_float || is_sexagesimal(&lower) || is_date(&lower)
}

/// Words like `2026-report` are text, and so is `1-2`; `1e-3` is not.
fn is_hyphenated(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(i, byte)| *byte == b'-' && i > 0 && bytes.get(i - 1) != Some(&b'e'))
}

/// `20:30` and `1:30:00.5`, which YAML 1.1 counts in sixties.
fn is_sexagesimal(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let is_fraction = fraction.is_empty() || is_digits(fraction);
    is_fraction
        && parts.next().is_some_and(is_digits)
        && whole.contains(':')
        && parts.all(|part| is_digits(part) && part.len() <= 2)
}

/// `2026-11-22`, alone or with a time after it (YAML 1.1 timestamps).
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let is_digits = |part: Option<&str>, longest: usize| {
        part.is_some_and(|part| !part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit()))
    };
    is_digits(parts.next(), 4)
        && is_digits(parts.next(), 2)
        && parts.next().is_some_and(|day| day.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::resolve;

    #[test]
    fn what_all_readers_agree_on() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("true", json!(true)),
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("1.5", json!(1.5)),
            ("365d", json!("365d")),
            ("10.10.10.20", json!("10.10.10.20")),
            ("::1", json!("::1")),
            ("2001:db8::5", json!("2001:db8::5")),
            ("build-01", json!("build-01")),
            ("1-2", json!("1-2")),
            ("nobody", json!("nobody")),
            ("-", json!("-")),
            (".", json!(".")),
            ("e3", json!("e3")),
            ("0.0.0.0:2376", json!("0.0.0.0:2376")),
            ("10.0.0.0/8", json!("10.0.0.0/8")),
            ("tcp://0.0.0.0:2376", json!("tcp://0.0.0.0:2376")),
        ] {
            assert_eq!(resolve(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_readers_differ_on_needs_quotes() {
        for text in [
            "no",
            "No",
            "on",
            "OFF",
            "yes",
            "y",
            "N",
            "True",
            "NULL",
            "0x10",
            "0o17",
            "0b1",
            "010",
            "00",
            "-010",
            "+1",
            "1_000",
            ".inf",
            "-.INF",
            ".nan",
            "1e3",
            "1.5E-3",
            ".5",
            "5.",
            "1:30",
            "20:30:15",
            "1:30.5",
            "1:2:3:4:5:6:7:8",
            "2026-11-22",
            "2026-1-2 10:00:00",
            "-0",
            "18446744073709551616",
        ] {
            assert_eq!(resolve(text), None, "{text}");
        }
    }
}
