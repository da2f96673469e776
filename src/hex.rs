//! Octets in hexadecimal digits.

use std::fmt::Write as _;

/// Two small digits for each octet.
pub(crate) fn hex(octets: &[u8]) -> String {
    let start = String::with_capacity(2 * octets.len());
    octets.iter().fold(start, |mut hex, octet| {
        // Writing to a string cannot fail.
        write!(hex, "{octet:02x}").ok();
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_octet_has_two_digits() {
        assert_eq!(super::hex(&[0, 10, 255]), "000aff");
    }
}
