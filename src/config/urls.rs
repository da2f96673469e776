//! Finds credentials in configured URLs.

use secrecy::SecretString;
use url::Url;

use super::Env;

/// The variables whose URLs may contain one.
const VARIABLES: [&str; 3] = ["DATABASE_URL", "PUBLIC_URL", "INSTAGRAM_API_URL"];
/// Parameters with these words in their names contain credentials.
const CREDENTIAL_WORDS: [&str; 6] = ["token", "secret", "key", "pass", "auth", "sig"];
/// A value of this length with letters and digits is a token, not a word.
const TOKEN_LENGTH: usize = 16;

/// The credentials in all of them, percent-encoded as they are written, and decoded. A wrong URL is reported by its
/// section.
pub(super) fn credentials(env: &Env<'_>) -> Vec<SecretString> {
    let urls = VARIABLES.iter().filter_map(|variable| env.text(variable));
    let mut found: Vec<_> = urls
        .filter_map(|url| Url::parse(&url).ok())
        .flat_map(|url| credentials_in(&url))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(SecretString::from).collect()
}

/// The credentials in the URL of a hook, which often has one in its path: `/bot<token>/sendMessage`,
/// `/services/T0…/B0…/<token>`.
pub(super) fn hook_credentials(url: &Url) -> Vec<SecretString> {
    let mut found = credentials_in(url);
    let parts = url.path_segments().into_iter().flatten();
    for part in parts.filter(|part| is_token(part)) {
        found.extend(part.strip_prefix("bot").map(str::to_owned));
        found.push(part.to_owned());
    }
    found.into_iter().map(SecretString::from).collect()
}

fn credentials_in(url: &Url) -> Vec<String> {
    let mut found: Vec<String> = url.password().map(str::to_owned).into_iter().collect();
    // A user without password is a token. (A database may have its password elsewhere.)
    if found.is_empty() && matches!(url.scheme(), "http" | "https") {
        found.push(url.username().to_owned());
    }
    for pair in url.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or_default();
        let name = name.to_lowercase();
        if CREDENTIAL_WORDS.iter().any(|word| name.contains(word)) || is_token(value) {
            found.push(value.to_owned());
        }
    }
    let decoded: Vec<_> = found
        .iter()
        .map(|text| {
            let text = percent_encoding::percent_decode_str(text);
            text.decode_utf8_lossy().into_owned()
        })
        .collect();
    found.extend(decoded);
    found.retain(|text| !text.is_empty());
    found
}

fn is_token(value: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| value.as_bytes().iter().any(kind);
    value.len() >= TOKEN_LENGTH && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn found(url: &str) -> Vec<String> {
        let mut found = credentials_in(&url.parse().unwrap());
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn passwords_and_tokens_are_found_and_words_are_not() {
        assert_eq!(
            found("postgres://postgres:p%40ss@db/chatrace?sslmode=require"),
            ["p%40ss", "p@ss"]
        );
        assert_eq!(found("postgres://keeper@db/x?password=hidden"), ["hidden"]);
        assert_eq!(found("https://tok-en@hooks.example/a"), ["tok-en"]);
        assert_eq!(
            found("https://hooks.example/?room=instagram&x=0123456789abcdef&access_token=t"),
            ["0123456789abcdef", "t"]
        );
        assert!(found("https://shop.example/instagram").is_empty());
    }

    #[test]
    fn the_token_in_the_path_of_a_hook_is_found() {
        let found = |url: &str| -> Vec<_> {
            let found = hook_credentials(&url.parse().unwrap()).into_iter();
            found.map(|text| text.expose_secret().to_owned()).collect()
        };
        let token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
        let url = format!("https://api.telegram.org/bot{token}/sendMessage?chat_id=-100200");
        assert_eq!(found(&url), [token.to_owned(), format!("bot{token}")]);
        let url = "https://hooks.slack.com/services/T0/B0/XXXX0000XXXX0000XXXX0000";
        assert_eq!(found(url), ["XXXX0000XXXX0000XXXX0000"]);
        assert!(found("https://crm.shop.example/hooks/instagram").is_empty());
    }
}
