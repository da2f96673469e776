//! The certificate of the public URL: why it is refused, and how long it is valid.

use rustls::CertificateError;
use x509_cert::der::Decode as _;

use super::finding::{REFUSED_TOO, problem};
use crate::diagnose::Check;
use crate::http_client;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Why a certificate is refused, each with its own advice.
pub(super) fn refused(host: &str, error: &CertificateError) -> Check {
    let finding = |observed: String, next: &str| problem(observed, REFUSED_TOO, next);
    let renew = "Renew it, and find out why it was not renewed automatically.";
    let replace = "Get one from a public authority, such as Let's Encrypt, and let the proxy send the full chain.";
    match error {
        CertificateError::Expired => {
            finding(format!("The certificate of {host} has expired."), renew)
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let seconds = time.as_secs().saturating_sub(not_after.as_secs());
            let observed = format!("The certificate of {host} expired {}.", ago(seconds));
            finding(observed, renew)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => finding(
            format!("The certificate of {host} is not valid yet."),
            "Check the clock of this machine, and of the machine that made the certificate.",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            finding(
                format!("The certificate is not for the name {host}."),
                "Get a certificate for this name, or set PUBLIC_URL to the name in the certificate.",
            )
        }
        CertificateError::UnknownIssuer => finding(
            format!(
                "The certificate of {host} is from an issuer that is not trusted: it is self-signed, or intermediate certificates are missing from the chain."
            ),
            replace,
        ),
        other => finding(
            format!(
                "The certificate of {host} {}.",
                http_client::certificate_problem(other)
            ),
            replace,
        ),
    }
}

/// When a certificate ends, in Unix seconds.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let end = certificate
        .tbs_certificate()
        .validity()
        .not_after
        .to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}

/// How many whole days there are between two times in Unix seconds; negative if the second is the earlier one.
pub(super) fn whole_days(from: i64, until: i64) -> i64 {
    (until - from).div_euclid(SECONDS_PER_DAY)
}

/// A number of days from now, in words.
pub(super) fn ahead(days: i64) -> String {
    match days {
        ..=0 => "in less than a day".to_owned(),
        1 => "in a day".to_owned(),
        days => format!("in {days} days"),
    }
}

fn ago(seconds: u64) -> String {
    match seconds / SECONDS_PER_DAY.unsigned_abs() {
        0 => "today".to_owned(),
        1 => "a day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_given_in_days() {
        let day = SECONDS_PER_DAY.unsigned_abs();
        assert_eq!(ago(60), "today");
        assert_eq!(ago(day + 60), "a day ago");
        assert_eq!(ago(3 * day + 60), "3 days ago");
        assert_eq!(whole_days(60, 0), -1);
        assert_eq!(whole_days(60, 60 + 3 * SECONDS_PER_DAY), 3);
    }
}
