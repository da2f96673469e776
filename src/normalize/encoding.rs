//! Undoes a `Content-Encoding`, in bounded memory and with bounded work.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::GzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};

/// How many members a gzip body may have. One is usual; each costs a fresh decoder, even if it is empty.
const MAX_MEMBERS: usize = 16;

/// How much longer a body can become: deflate's limit (<https://www.zlib.net/zlib_tech.html>).
const MAX_RATIO: usize = 1032;

/// Why a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The decoded body would be larger than the limit; reading stopped there.
    #[error("the decoded body is larger than the limit")]
    TooLarge,
    /// The bytes are not what the header says.
    #[error("the body does not decode: {0}")]
    Corrupt(String),
    /// An encoding this service does not know.
    #[error("the content encoding `{0}` is not supported")]
    Unsupported(String),
    /// More than one.
    #[error("more than one content encoding is not supported")]
    Layered,
}

/// The body without its content encoding: `gzip`, `x-gzip`, `deflate` (with and without zlib's frame) or none. No
/// sender encodes a body twice, so more than one encoding is a mistake or an attack.
///
/// Never holds more than `limit` + 1 decoded bytes, so a small body that unpacks to gigabytes costs nothing.
///
/// # Errors
/// When the body is larger than `limit`, is not what the header says, or the encoding is unknown.
pub fn decode<'a>(
    body: &'a [u8],
    content_encoding: Option<&str>,
    limit: usize,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    let mut layers = layers(content_encoding);
    let decoded = match (layers.next(), layers.next()) {
        (None, _) => Cow::Borrowed(body),
        (Some(layer), None) => Cow::Owned(decode_layer(body, layer, limit)?),
        (Some(_), Some(_)) => return Err(DecodeError::Layered),
    };
    if decoded.len() > limit {
        return Err(DecodeError::TooLarge);
    }
    Ok(decoded)
}

/// How many bytes a body can have at most once it is decoded, as far as its length tells: never more than `limit`,
/// unless it is longer already.
pub fn longest(body: usize, content_encoding: Option<&str>, limit: usize) -> usize {
    let ratio = layers(content_encoding).next().map_or(1, |_| MAX_RATIO);
    body.saturating_mul(ratio).min(limit.max(body))
}

/// The encodings that a header lists.
fn layers(content_encoding: Option<&str>) -> impl Iterator<Item = &str> {
    content_encoding
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|layer| !layer.is_empty() && !layer.eq_ignore_ascii_case("identity"))
}

fn decode_layer(body: &[u8], encoding: &str, limit: usize) -> Result<Vec<u8>, DecodeError> {
    match encoding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read_gzip(body, limit),
        // The standard means zlib's frame; some clients send the bare stream.
        "deflate" => match read_bounded(ZlibDecoder::new(body), limit) {
            Err(DecodeError::Corrupt(cause)) => read_bounded(DeflateDecoder::new(body), limit)
                .map_err(|error| match error {
                    DecodeError::Corrupt(_) => DecodeError::Corrupt(cause),
                    other => other,
                }),
            result => result,
        },
        other => Err(DecodeError::Unsupported(other.chars().take(32).collect())),
    }
}

fn read_gzip(body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut unpacked = Vec::new();
    let mut rest = body;
    for _ in 0..MAX_MEMBERS {
        let mut member = GzDecoder::new(rest);
        unpacked.extend(read_bounded(&mut member, limit - unpacked.len())?);
        rest = member.into_inner();
        if rest.is_empty() {
            return Ok(unpacked);
        }
    }
    let problem = format!("it has more than {MAX_MEMBERS} gzip members");
    Err(DecodeError::Corrupt(problem))
}

fn read_bounded(decoder: impl Read, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut unpacked = Vec::new();
    decoder
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| DecodeError::Corrupt(error.to_string()))?;
    if unpacked.len() > limit {
        return Err(DecodeError::TooLarge);
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_spelling_of_a_compressed_body_gives_the_same_bytes() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"{}").unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(b"{}").unwrap();
        for (encoding, body) in [
            (None, b"{}".to_vec()),
            (Some("identity"), b"{}".to_vec()),
            (Some("gzip"), gzip(b"{}")),
            (Some("X-GZIP"), gzip(b"{}")),
            (Some("gzip"), [gzip(b"{"), gzip(b""), gzip(b"}")].concat()),
            (Some("deflate"), zlib.finish().unwrap()),
            (Some("deflate"), raw.finish().unwrap()),
        ] {
            assert_eq!(
                decode(&body, encoding, 1024).as_deref(),
                Ok(&b"{}"[..]),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn a_gzip_bomb_is_cut_at_the_limit() {
        let bomb = gzip(&vec![b'a'; 8 << 20]);
        assert!(bomb.len() < 16 << 10);
        assert_eq!(
            decode(&bomb, Some("gzip"), 1 << 20),
            Err(DecodeError::TooLarge)
        );
    }

    #[test]
    fn no_body_becomes_longer_than_foreseen() {
        for length in [0, 1, 1000, 8 << 20] {
            let body = gzip(&vec![b'a'; length]);
            assert!(
                longest(body.len(), Some("gzip"), 16 << 20) >= length,
                "{length}"
            );
        }
        assert_eq!(longest(10, None, 100), 10);
        assert_eq!(longest(10, Some("gzip"), 100), 100);
        assert_eq!(longest(10, Some("identity"), 100), 10);
        assert_eq!(longest(usize::MAX, Some("gzip"), 100), usize::MAX);
    }

    #[test]
    fn a_body_that_is_not_what_its_header_says_is_an_error_and_not_a_panic() {
        assert!(matches!(
            decode(b"{}", Some("gzip"), 10),
            Err(DecodeError::Corrupt(_))
        ));
        assert!(matches!(
            decode(&gzip(b"{}")[..12], Some("gzip"), 10),
            Err(DecodeError::Corrupt(_))
        ));
        assert_eq!(
            decode(b"{}", Some("br"), 10),
            Err(DecodeError::Unsupported("br".to_owned()))
        );
        assert!(decode(&gzip(&gzip(b"{}")), Some("gzip, gzip"), 10).is_err());
        let members = gzip(b"").repeat(MAX_MEMBERS);
        assert!(decode(&members, Some("gzip"), 10).is_ok());
        let too_many = [members, gzip(b"{}")].concat();
        assert!(matches!(
            decode(&too_many, Some("gzip"), 10),
            Err(DecodeError::Corrupt(_))
        ));
        assert_eq!(decode(b"12345", None, 4), Err(DecodeError::TooLarge));
    }
}
