//! The certificate of the public URL: why it is refused, and how long it is valid.

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use x509_cert::der::Decode as _;

use crate::diagnose::Check;
use crate::http_client;
use crate::i18n::Text;

/// With fewer days left, a certificate should have been renewed already.
const DAYS_LEFT: i64 = 14;
const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Why a certificate is refused, each with its own advice.
pub(super) fn refused(host: &str, error: &CertificateError) -> Text {
    let about = |id| Text::new(id).with("host", host);
    match error {
        CertificateError::Expired => about("certificate-expired"),
        CertificateError::ExpiredContext { time, not_after } => {
            let days = whole_days(seconds(*not_after), seconds(*time));
            about("certificate-expired-ago").with("days", days.max(0))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            about("certificate-not-yet-valid")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            about("certificate-of-other-name")
        }
        CertificateError::UnknownIssuer => about("certificate-untrusted"),
        other => {
            about("certificate-refused").with("problem", http_client::certificate_problem(other))
        }
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// How long the certificate of the public address is valid.
pub(super) fn check(host: &str, days: i64) -> Check {
    const NAME: &str = "certificate";
    let about = |id| Text::new(id).with("days", days.max(0));
    if days < DAYS_LEFT {
        return Check::warning(NAME, about("public-url-expires").with("host", host));
    }
    Check::ok(NAME, about("certificate-lasts"))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_expiry_is_given_in_days() {
        let expired = |seconds| {
            let error = CertificateError::ExpiredContext {
                time: UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                not_after: UnixTime::since_unix_epoch(Duration::ZERO),
            };
            let words = refused("a.example", &error).to_string();
            words.replace("The certificate of a.example ", "")
        };
        let day = SECONDS_PER_DAY.unsigned_abs();
        assert_eq!(expired(60), "expired today.");
        assert_eq!(expired(day + 60), "expired a day ago.");
        assert_eq!(expired(3 * day + 60), "expired 3 days ago.");
        assert_eq!(whole_days(60, 0), -1);
        assert_eq!(whole_days(60, 60 + 3 * SECONDS_PER_DAY), 3);
    }
}
