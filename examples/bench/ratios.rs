//! Ratios of figures that were taken in the same round, and how they are printed.

use serde::Serialize;

use crate::measure::{Measured, Subject};
use crate::rounds::{Figures, STOLEN};
use crate::say;
use crate::subject::Server;

/// One row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// What has to be reached, and what would be good.
    pub(crate) least: f64,
    pub(crate) aim: f64,
    /// Whether less is better.
    pub(crate) less: bool,
}

impl Row {
    fn reached(&self) -> &'static str {
        let better = |limit: f64| {
            if self.less {
                self.median <= limit
            } else {
                self.median >= limit
            }
        };
        match () {
            () if better(self.aim) => "aim",
            () if better(self.least) => "yes",
            () => "NO",
        }
    }
}

/// The middle of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<_> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    let lower = figures[(figures.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// A row of the ratios `above / below`, one for each round.
pub(crate) fn row(
    name: &'static str,
    what: &str,
    pairs: impl IntoIterator<Item = (f64, f64)>,
    (least, aim): (f64, f64),
) -> Option<Row> {
    let ratios: Vec<_> = pairs
        .into_iter()
        .map(|(above, below)| above / below)
        .collect();
    Some(Row {
        name,
        what: what.to_owned(),
        unit: "",
        median: median(ratios.iter().copied())?,
        lowest: ratios.iter().copied().fold(f64::INFINITY, f64::min),
        highest: ratios.iter().copied().fold(0.0, f64::max),
        least,
        aim,
        less: least > aim,
    })
}

/// The rows that come from the rounds.
pub(crate) fn rows(figures: &Figures) -> Vec<Row> {
    let service = |connections| Subject::Http(Server::Service, connections);
    let conventional = |connections| Subject::Http(Server::Conventional, connections);
    let rates = |above: Subject, below: Subject| {
        let pairs = figures.of(above).iter().zip(figures.of(below));
        pairs
            .map(|(above, below)| (above.rate, below.rate))
            .collect::<Vec<_>>()
    };
    let tails = figures
        .of(service(16))
        .iter()
        .zip(figures.of(conventional(16)));
    let tails = tails.filter_map(|(above, below)| Some((above.p99?, below.p99?)));
    [
        row(
            "R1",
            "÷ pgbench, one prepared INSERT, 16 clients",
            rates(service(256), Subject::Pgbench),
            (1.3, 2.2),
        ),
        row(
            "R2",
            "÷ the service's own commit without HTTP",
            rates(service(256), Subject::Commit),
            (0.5, 0.75),
        ),
        row(
            "R3",
            "÷ HTTP floor: read and parse",
            rates(service(256), Subject::Http(Server::Floor, 256)),
            (0.3, 0.5),
        ),
        row(
            "R4",
            "÷ one INSERT for each request, pool of 10",
            rates(service(256), conventional(256)),
            (2.0, 4.0),
        ),
        row(
            "R5",
            "÷ Fastify and pg, one INSERT",
            rates(service(256), Subject::Http(Server::Fastify, 256)),
            (3.0, 6.0),
        ),
        row(
            "R6",
            "embedded SQLite ÷ Postgres",
            rates(Subject::Http(Server::Embedded, 256), service(256)),
            (0.8, 1.2),
        ),
        row(
            "R7",
            "p99 at 16 connections ÷ one INSERT for each request",
            tails,
            (1.0, 0.6),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is said of a measurement while the benchmark runs.
pub(crate) fn line(round: usize, subject: Subject, measured: &Measured) -> String {
    format!(
        "round {:>2}  {:<18} {:>8.0}/s  {:<31}  stolen {:>2.0} %{}",
        round + 1,
        subject.name(),
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

/// Prints the rates beside their floor, and the ratios.
pub(crate) fn print(figures: &Figures, rows: &[Row]) {
    say(
        "| contestant-connections | per second (median) | lowest–highest | ÷ floor | p50 ms | p99 ms | deliveries in a transaction | memory MB |",
    );
    say("|---|---|---|---|---|---|---|---|");
    for (subject, measured) in figures.subjects() {
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
            "| {} | {:.0} | {:.0}–{:.0} | {} | {} | {} | {} | {} |",
            subject.name(),
            median(rates()).unwrap_or_default(),
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max),
            text(floor, 2),
            text(of(|one| one.p50), 2),
            text(of(|one| one.p99), 2),
            text(of(|one| one.batch), 1),
            text(of(|one| one.memory), 0),
        ));
    }
    say("");
    say(
        "| ratio | the service at 256 connections, unless said | median | lowest–highest | at least | aim | reached |",
    );
    say("|---|---|---|---|---|---|---|");
    for row in rows {
        let digits = if row.unit.is_empty() { 2 } else { 1 };
        let unit = if row.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", row.unit)
        };
        say(&format!(
            "| {} | {} | **{:.digits$}**{unit} | {:.digits$}–{:.digits$} | {}{unit} | {}{unit} | {} |",
            row.name,
            row.what,
            row.median,
            row.lowest,
            row.highest,
            row.least,
            row.aim,
            row.reached(),
        ));
    }
}
