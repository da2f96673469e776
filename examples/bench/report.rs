//! How what was measured is printed.

use serde_json::Value;

use crate::measure::{Measured, Subject};
use crate::ratios::{Row, median, quartiles};
use crate::rounds::{Figures, STOLEN};
use crate::say;
use crate::subject::Server;

/// What is said of a measurement while the benchmark runs.
pub(crate) fn line(round: usize, name: &str, measured: &Measured) -> String {
    format!(
        "round {:>2}  {name:<23} {:>8.0}/s  {:<31}  stolen {:>2.0} %{}",
        round + 1,
        measured.rate,
        latency(measured),
        measured.stolen,
        if measured.stolen > STOLEN { " !" } else { "" }
    )
}

fn latency(measured: &Measured) -> String {
    match (measured.p50, measured.p99) {
        (Some(p50), Some(p99)) => format!("p50 {p50:>6.2} ms  p99 {p99:>6.2} ms"),
        _ => String::new(),
    }
}

/// Prints the rates beside their floor. Those of an older build come last.
pub(crate) fn rates(figures: &Figures, before: &Figures) {
    say(
        "| contestant-connections | per second (median) | lowest–highest | without the catch-up | ÷ floor | p50 ms | p99 ms | deliveries in a transaction | log kB for a message | catch-up ms | memory MB |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|---|");
    let now = figures.subjects().map(|one| ("", one));
    let before = before.subjects().map(|one| (" before", one));
    for (label, (subject, measured)) in now.chain(before) {
        let of = |what: fn(&Measured) -> Option<f64>| median(measured.iter().filter_map(what));
        let rates = || measured.iter().map(|one| one.rate);
        let floor = match subject {
            Subject::Http(_, connections)
            | Subject::NewPeople(connections)
            | Subject::Windows(connections) => {
                let floor = figures.of(Subject::Http(Server::Floor, connections));
                median(
                    measured
                        .iter()
                        .zip(floor)
                        .map(|(one, floor)| one.rate / floor.rate),
                )
            }
            Subject::Pgbench | Subject::Commit => None,
        };
        let text = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        say(&format!(
            "| {}{} | {:.0} | {:.0}–{:.0} | {} | {} | {} | {} | {} | {} | {} | {} |",
            subject.name(),
            label,
            median(rates()).unwrap_or_default(),
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max),
            text(of(|one| one.load_rate), 0),
            text(floor, 2),
            text(of(|one| one.p50), 2),
            text(of(|one| one.p99), 2),
            text(of(|one| one.batch), 1),
            text(of(|one| one.wal), 2),
            text(of(|one| one.catch_up).map(|took| took * 1000.0), 0),
            text(of(|one| one.memory), 0),
        ));
    }
}

/// Prints the ratios; with those of an older build, also their quotients, taken within a round.
pub(crate) fn ratios(rows: &[Row], before: &[Row]) {
    say("");
    let what = "the service at 256 connections, unless said";
    let columns = if before.is_empty() {
        "median (quartiles)"
    } else {
        "before: median (quartiles) | after | after ÷ before"
    };
    say(&format!(
        "| ratio | {what} | {columns} | at least | aim | reached |"
    ));
    say(&format!(
        "|---|---|---|---|---|---{}|",
        if before.is_empty() { "" } else { "|---|---" }
    ));
    for row in rows {
        let digits = if matches!(row.unit, "MB" | "ms") {
            1
        } else {
            2
        };
        let mut figures = spread(row.figures.iter().copied(), digits);
        if !before.is_empty() {
            let old = before.iter().find(|old| old.what == row.what);
            let old = old.map_or(&[][..], |old| &old.figures);
            let quotients = row.figures.iter().zip(old).map(|(new, old)| new / old);
            let (old, quotient) = (spread(old.iter().copied(), digits), spread(quotients, 2));
            figures = format!("{old} | {figures} | {quotient}");
        }
        let unit = match row.unit {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        let Row {
            name,
            what,
            least,
            aim,
            ..
        } = row;
        let reached = row.reached();
        say(&format!(
            "| {name} | {what} | {figures} | {least}{unit} | {aim}{unit} | {reached} |"
        ));
    }
}

/// A median with its quartiles.
fn spread(figures: impl IntoIterator<Item = f64>, digits: usize) -> String {
    quartiles(figures).map_or_else(
        || "–".to_owned(),
        |[lower, median, upper]| {
            format!("**{median:.digits$}** ({lower:.digits$}–{upper:.digits$})")
        },
    )
}

/// Prints what is no table.
pub(crate) fn notes(open_loop: &Value, notes: &[String], disturbed: &[usize]) {
    if !open_loop.is_null() {
        say(&format!(
            "\nOpen loop at half the highest rate ({:.0}/s offered, {:.0}/s answered, 256 connections): p50 {:.1} ms, \
             p99 {:.1} ms, p99.9 {:.1} ms, {:.0} deliveries in a transaction; every acknowledged message read back.",
            open_loop["offered"].as_f64().unwrap_or_default(),
            open_loop["rate"].as_f64().unwrap_or_default(),
            open_loop["p50"].as_f64().unwrap_or_default(),
            open_loop["p99"].as_f64().unwrap_or_default(),
            open_loop["p999"].as_f64().unwrap_or_default(),
            open_loop["batch"].as_f64().unwrap_or_default(),
        ));
    }
    for note in notes {
        say(note);
    }
    if !disturbed.is_empty() {
        let list: Vec<_> = disturbed
            .iter()
            .map(|round| (round + 1).to_string())
            .collect();
        say(&format!(
            "More than {STOLEN:.0} % of the processors' time was stolen in round {}: its figures say little.",
            list.join(", ")
        ));
    }
}
