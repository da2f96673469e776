//! Undoes a `Content-Encoding`, in bounded memory.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// More layers of encodings than this are a mistake or an attack.
const MAX_LAYERS: usize = 3;

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
}

/// The body without its content encoding: `gzip`, `x-gzip`, `deflate` (with and without zlib's frame) or none.
///
/// Never holds more than `limit` + 1 decoded bytes at a time, so a small body that unpacks to gigabytes costs
/// nothing.
///
/// # Errors
/// When the body is larger than `limit`, is not what the header says, or the encoding is unknown.
pub fn decode<'a>(
    body: &'a [u8],
    content_encoding: Option<&str>,
    limit: usize,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    let layers = || {
        content_encoding
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|layer| !layer.is_empty() && !layer.eq_ignore_ascii_case("identity"))
    };
    if layers().count() > MAX_LAYERS {
        return Err(DecodeError::Unsupported(
            "more than three layers".to_owned(),
        ));
    }
    let mut decoded = Cow::Borrowed(body);
    // The header lists the layers in the order in which they were applied.
    for layer in layers().collect::<Vec<_>>().into_iter().rev() {
        decoded = Cow::Owned(decode_layer(&decoded, layer, limit)?);
    }
    if decoded.len() > limit {
        return Err(DecodeError::TooLarge);
    }
    Ok(decoded)
}

fn decode_layer(body: &[u8], encoding: &str, limit: usize) -> Result<Vec<u8>, DecodeError> {
    match encoding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read_bounded(MultiGzDecoder::new(body), limit),
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
            (Some("gzip, gzip"), gzip(&gzip(b"{}"))),
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
        assert!(decode(b"{}", Some("gzip,gzip,gzip,gzip"), 10).is_err());
        assert_eq!(decode(b"12345", None, 4), Err(DecodeError::TooLarge));
    }
}
