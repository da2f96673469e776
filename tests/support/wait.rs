//! Waiting for what the other side does not announce.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::process::PATIENCE;

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks again and again until the answer is as wanted, and returns it.
///
/// # Panics
/// After [`PATIENCE`], with the last answer.
pub(crate) async fn eventually<T: Debug>(
    what: &str,
    ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    eventually_within(PATIENCE, what, ask, wanted).await
}

/// The same with another limit.
pub(crate) async fn eventually_within<T: Debug>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let mut last = None;
    let asking = async {
        let mut pauses = interval(PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pauses.tick().await;
            let answer = ask().await;
            if wanted(&answer) {
                return answer;
            }
            last = Some(answer);
        }
    };
    let answered = timeout(limit, asking).await;
    answered
        .unwrap_or_else(|_| panic!("it does not happen that {what}; the last answer: {last:#?}"))
}
