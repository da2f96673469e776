//! Variables of the flow that arrive unfilled.

use super::{Check, Facts, Status};
use crate::delivery::ReasonCode;
use crate::i18n::Text;
use crate::store::RecentDelivery;

/// How the normalizer's sentence names the place of a placeholder.
const LITERALLY: &str = "}} literally in `";

pub(super) fn check_placeholders(facts: &Facts) -> Check {
    const NAME: &str = "placeholders";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::without_deliveries(NAME);
    }
    let unfilled: Vec<_> = deliveries.iter().filter(|one| is_unfilled(one)).collect();
    let Some(newest) = unfilled.first() else {
        return Check::ok(NAME, Text::new("placeholders-filled"));
    };
    let goes_on = deliveries.first().is_some_and(is_unfilled);
    Check::new(
        NAME,
        if goes_on {
            Status::Problem
        } else {
            Status::Warning
        },
        Text::new("placeholders-unfilled")
            .with("what", quote(newest))
            .with("count", unfilled.len())
            .with("of", deliveries.len()),
    )
}

/// Whether a placeholder is the reason why it was not stored. Other codes may mention one in their sentence.
fn is_unfilled(delivery: &RecentDelivery) -> bool {
    delivery.code.as_deref() == Some(ReasonCode::UnfilledPlaceholder.as_str())
        || delivery
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains(LITERALLY))
}

/// `{{last_input}}` and `text`, out of the normalizer's sentence.
fn quote(delivery: &RecentDelivery) -> Text {
    let reason = delivery.reason.as_deref().unwrap_or_default();
    let quoted = reason.find("{{").and_then(|begin| {
        let (placeholder, rest) = reason[begin..].split_once(LITERALLY)?;
        let (key, _) = rest.split_once('`')?;
        Some((format!("{placeholder}}}}}"), key))
    });
    match quoted {
        Some((placeholder, key)) => Text::new("placeholder-literally")
            .with("placeholder", placeholder)
            .with("key", key),
        None => Text::new("some-placeholder-literally"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::delivery::Outcome;
    use crate::diagnose::facts::Known;
    use crate::store::Recent;

    fn delivery(code: Option<ReasonCode>, reason: &str) -> RecentDelivery {
        RecentDelivery {
            received_at: Timestamp::UNIX_EPOCH,
            outcome: code.map_or(Outcome::Stored, |_| Outcome::Quarantined),
            code: code.map(|code| code.as_str().to_owned()),
            reason: code.map(|_| reason.to_owned()),
        }
    }

    fn facts(deliveries: Vec<RecentDelivery>) -> Facts {
        Facts {
            known: Some(Known {
                recent: Recent {
                    deliveries,
                    ..Recent::default()
                },
                ..Known::default()
            }),
            ..Facts::default()
        }
    }

    const REASON: &str = "the flow sent {{last_input}} literally in `text`: pick the variable from Chatrace's list so that it is filled";

    #[test]
    fn a_literal_placeholder_is_quoted() {
        let unfilled = || delivery(Some(ReasonCode::UnfilledPlaceholder), REASON);
        let found = check_placeholders(&facts(vec![unfilled(), delivery(None, "")]));
        assert_eq!(found.status, Status::Problem);
        assert_eq!(
            found.observed,
            "The flow sends {{last_input}} literally in `text`, in 1 of the last 2 deliveries."
        );
        let fixed = check_placeholders(&facts(vec![delivery(None, ""), unfilled()]));
        assert_eq!(fixed.status, Status::Warning);
    }

    #[test]
    fn it_is_found_in_the_sentence_of_another_reason() {
        let reason = "contact data without a message, but with {{last_input}} literally in `text`";
        let found = check_placeholders(&facts(vec![delivery(
            Some(ReasonCode::ContactOnly),
            reason,
        )]));
        assert!(
            found
                .observed
                .starts_with("The flow sends {{last_input}} literally in `text`, ")
        );
    }
}
