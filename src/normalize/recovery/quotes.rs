//! Which quotes of a broken string are the template's own, and which are the customer's.

/// A longer key is not one of a template.
pub(super) const MAX_KEY: usize = 64;

/// What follows a quote inside a string.
pub(super) enum Follows {
    /// The template goes on: the quote closes the string.
    Template,
    /// The string goes on: the quote is the customer's.
    Words,
    /// It could be either.
    Doubt,
}

/// Decides by the next few characters what a quote inside a string is. `open` has the closing brackets still to come.
/// It never looks further than one key, so that the whole stays linear.
pub(super) fn after_quote(text: &str, mut open: &[u8], quote: usize) -> Follows {
    let bytes = text.as_bytes();
    let mut at = skip_blanks(bytes, quote + 1);
    while let (Some(sign), Some((close, outer))) = (bytes.get(at), open.split_last())
        && sign == close
    {
        at = skip_blanks(bytes, at + 1);
        open = outer;
    }
    let Some(close) = open.last() else {
        // The last bracket: it is the template's only if nothing comes after it.
        return if at == bytes.len() {
            Follows::Template
        } else {
            Follows::Words
        };
    };
    if bytes.get(at) != Some(&b',') {
        return Follows::Words;
    }
    let next = skip_blanks(bytes, at + 1);
    if *close == b']' {
        return match bytes.get(next) {
            Some(b'{' | b'[' | b'"') => Follows::Template,
            _ => Follows::Words,
        };
    }
    if bytes.get(next) != Some(&b'"') {
        return Follows::Words;
    }
    let window = &bytes[next + 1..bytes.len().min(next + 2 + 4 * MAX_KEY)];
    let Some(length) = window.iter().position(|byte| *byte == b'"') else {
        return Follows::Words;
    };
    let colon = skip_blanks(bytes, next + 2 + length);
    if bytes.get(colon) != Some(&b':') {
        return Follows::Words;
    }
    let starts_value = matches!(
        bytes.get(skip_blanks(bytes, colon + 1)),
        Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
    );
    let key = &text[next + 1..next + 1 + length];
    if starts_value && is_plain(key) {
        Follows::Template
    } else {
        Follows::Doubt
    }
}

/// The index of the next byte that is not white space.
pub(super) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
        .unwrap_or(rest.len())
}

/// Whether a template can have this key.
pub(super) fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.chars().count() <= MAX_KEY
        && key
            .chars()
            .all(|sign| sign.is_alphanumeric() || "_-. ".contains(sign))
}

/// Whether a backslash precedes something that JSON does not escape.
pub(super) fn has_stray_backslash(raw: &str) -> bool {
    let mut rest = raw.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        match rest.get(at + 1) {
            Some(b'u') => {
                let digits = rest.get(at + 2..at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return true;
                }
            }
            Some(sign) if b"\"\\/bfnrt".contains(sign) => {}
            _ => return true,
        }
        rest = &rest[at + 2..];
    }
    false
}
