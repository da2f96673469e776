//! The clock, new ids, and times in JSON.

mod clock;

pub use clock::{Clock, new_id};

/// RFC 3339, UTC, always three decimals.
pub mod millis {
    use jiff::Timestamp;
    use serde::Serializer;

    /// The time as `2026-07-09T14:56:00.123Z`.
    pub fn format(time: Timestamp) -> String {
        format!("{time:.3}")
    }

    /// For `#[serde(with)]`.
    #[expect(clippy::missing_errors_doc, reason = "the serializer's own errors")]
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*time))
    }

    /// The same for a time that may be absent.
    pub mod option {
        use jiff::Timestamp;
        use serde::Serializer;

        /// For `#[serde(with)]`.
        #[expect(clippy::missing_errors_doc, reason = "the serializer's own errors")]
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_have_three_decimals() {
        assert_eq!(
            millis::format("2026-07-09T14:56:00Z".parse().unwrap()),
            "2026-07-09T14:56:00.000Z"
        );
        assert_eq!(
            millis::format("2026-07-09T14:56:00.1239Z".parse().unwrap()),
            "2026-07-09T14:56:00.123Z"
        );
    }
}
