//! The two checks that ask others, as one result.

use jiff::Timestamp;
use url::Url;

use super::public_url::ProbeCredentials;
use super::{account, public_url};
use crate::config::Chatrace;
use crate::diagnose::{Check, Status};
use crate::i18n::Text;

/// The checks that ask others.
#[derive(Debug, Clone)]
pub struct ExternalChecks {
    public_url: Check,
    certificate: Option<Check>,
    account: Check,
}

impl ExternalChecks {
    /// Asks both at once. The time limits are those of [`crate::http_client`].
    pub async fn run(
        public_url: Option<&Url>,
        credentials: &ProbeCredentials,
        chatrace: &Chatrace,
        now: Timestamp,
    ) -> Self {
        let ((public_url, certificate), account) = tokio::join!(
            public_url::check_public_url(public_url, credentials, now),
            account::check_account(chatrace),
        );
        Self {
            public_url,
            certificate,
            account,
        }
    }

    /// Both were asked, and neither has answered yet.
    pub(super) fn waiting() -> Self {
        Self {
            public_url: Check::unknown(public_url::NAME, Text::new("public-url-waiting")),
            certificate: None,
            account: Check::unknown(account::NAME, Text::new("account-waiting")),
        }
    }

    /// How the certificate of the public address is, if it was seen and accepted.
    pub fn certificate(&self) -> Option<&Check> {
        self.certificate.as_ref()
    }

    /// Puts these checks around others, most upstream first: everything comes through the public URL, and messages
    /// arrive even if something is wrong with the account. Another check of the same name is replaced, unless this one
    /// is unknown.
    pub fn around(self, mut others: Vec<Check>) -> Vec<Check> {
        let mut better = |ours: Check| {
            let index = others.iter().position(|other| other.name == ours.name);
            match index.map(|index| others.remove(index)) {
                Some(theirs) if ours.status == Status::Unknown => theirs,
                _ => ours,
            }
        };
        let (first, last) = (better(self.public_url), better(self.account));
        std::iter::once(first).chain(others).chain([last]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, status: Status) -> Check {
        Check::new(name, status, Text::default())
    }

    #[test]
    fn both_have_a_title() {
        for check in ExternalChecks::waiting().around(Vec::new()) {
            assert_ne!(check.title(), *check.name);
        }
    }

    #[test]
    fn a_check_appears_once_and_a_known_result_wins() {
        let external = ExternalChecks {
            public_url: check(public_url::NAME, Status::Unknown),
            certificate: None,
            account: check(account::NAME, Status::Warning),
        };
        let others = vec![
            check(public_url::NAME, Status::Ok),
            check("arrival", Status::Ok),
            check(account::NAME, Status::Ok),
        ];
        let all = external.around(others);
        let all: Vec<_> = all
            .iter()
            .map(|check| (check.name.as_str(), check.status))
            .collect();
        assert_eq!(
            all,
            [
                (public_url::NAME, Status::Ok),
                ("arrival", Status::Ok),
                (account::NAME, Status::Warning)
            ]
        );
    }
}
