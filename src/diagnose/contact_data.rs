//! "All Contact Data": a body with the customer's data, but without what they wrote.

use super::{Check, Facts, Status};
use crate::delivery::ReasonCode;
use crate::i18n::Text;
use crate::setup::body_on_one_line;
use crate::store::RecentDelivery;

pub(super) fn check_contact_data(facts: &Facts) -> Check {
    const NAME: &str = "contact_data";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::without_deliveries(NAME);
    }
    let bare = deliveries.iter().filter(|one| is_contact_only(one)).count();
    if bare * 2 <= deliveries.len() {
        return Check::ok(NAME, Text::new("contact-data-none"));
    }
    let goes_on = deliveries.first().is_some_and(is_contact_only);
    Check::new(
        NAME,
        if goes_on {
            Status::Problem
        } else {
            Status::Warning
        },
        Text::new("contact-data-only")
            .with("count", bare)
            .with("of", deliveries.len())
            .with("body", body_on_one_line()),
    )
}

fn is_contact_only(delivery: &RecentDelivery) -> bool {
    delivery.code.as_deref() == Some(ReasonCode::ContactOnly.as_str())
}
