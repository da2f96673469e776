//! Ratios of figures that were taken in the same round, and how they are printed.

use serde::Serialize;

use crate::measure::Subject;
use crate::rounds::Figures;
use crate::subject::Server;

/// One row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    /// One figure for each round.
    pub(crate) figures: Vec<f64>,
    /// What has to be reached, and what would be good.
    pub(crate) least: f64,
    pub(crate) aim: f64,
    /// Whether less is better.
    pub(crate) less: bool,
}

impl Row {
    pub(crate) fn reached(&self) -> &'static str {
        let median = median(self.figures.iter().copied()).unwrap_or_default();
        let better = |limit: f64| {
            if self.less {
                median <= limit
            } else {
                median >= limit
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
    quartiles(figures).map(|[_, median, _]| median)
}

/// The lower quartile, the median and the upper quartile; between two figures in proportion.
pub(crate) fn quartiles(figures: impl IntoIterator<Item = f64>) -> Option<[f64; 3]> {
    let mut figures: Vec<_> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let last = figures.len().checked_sub(1)?;
    Some([1, 2, 3].map(|quarter| {
        let (whole, rest) = (last * quarter / 4, last * quarter % 4);
        let next = figures[(whole + 1).min(last)];
        figures[whole] + (next - figures[whole]) * [0.0, 0.25, 0.5, 0.75][rest]
    }))
}

/// A row of the ratios `above / below`, one for each round.
pub(crate) fn row(
    name: &'static str,
    what: &str,
    pairs: impl IntoIterator<Item = (f64, f64)>,
    (least, aim): (f64, f64),
) -> Option<Row> {
    let pairs = pairs.into_iter();
    let figures: Vec<_> = pairs.map(|(above, below)| above / below).collect();
    (!figures.is_empty()).then(|| Row {
        name,
        what: what.to_owned(),
        unit: "",
        figures,
        least,
        aim,
        less: least > aim,
    })
}

/// A row of figures that are no ratios.
pub(crate) fn absolute(
    what: &str,
    unit: &'static str,
    figures: impl IntoIterator<Item = f64>,
    limits: (f64, f64),
) -> Option<Row> {
    let figures = figures.into_iter().map(|figure| (figure, 1.0));
    let row = row("", what, figures, limits)?;
    Some(Row { unit, ..row })
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
    let wal = |connections| {
        let measured = figures.of(service(connections));
        measured.iter().filter_map(|one| one.wal)
    };
    [
        row(
            "R1",
            "÷ pgbench, one prepared INSERT, 16 clients",
            rates(service(256), Subject::Pgbench),
            (1.5, 2.2),
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
            (0.9, 1.2),
        ),
        row(
            "R7",
            "p99 at 16 connections ÷ one INSERT for each request",
            tails,
            (1.0, 0.6),
        ),
        row(
            "R10",
            "at 1 connection ÷ one INSERT for each request",
            rates(service(1), conventional(1)),
            (0.7, 0.9),
        ),
        row(
            "R11",
            "at 16 connections ÷ one INSERT for each request",
            rates(service(16), conventional(16)),
            (1.4, 2.0),
        ),
        row(
            "R12",
            "every message from a new person ÷ from 10,000 people",
            rates(Subject::NewPeople(256), service(256)),
            (0.95, 1.0),
        ),
        row(
            "R13",
            "`RETENTION_DAYS=30` and an erased person ÷ without",
            rates(Subject::Http(Server::Production, 256), service(256)),
            (0.95, 1.0),
        ),
        absolute(
            "Postgres' log for a message, at 1 connection",
            "kB",
            wal(1),
            (2.5, 2.0),
        ),
        absolute("Postgres' log for a message", "kB", wal(256), (1.6, 1.3)),
    ]
    .into_iter()
    .chain(forwarding(figures))
    .flatten()
    .collect()
}

/// What forwarding takes from acknowledging, and what it does meanwhile.
fn forwarding(figures: &Figures) -> [Option<Row>; 3] {
    let of = |server| figures.of(Subject::Http(server, 256)).iter();
    let without = |server| of(server).zip(of(Server::Service));
    let rates = |server| without(server).map(|(with, without)| (with.rate, without.rate));
    let forwarded = of(Server::Forwarding).filter_map(|one| one.forwarded);
    [
        row(
            "R14",
            "with a destination that accepts everything ÷ without",
            rates(Server::Forwarding),
            (0.6, 0.8),
        ),
        row(
            "R14",
            "with a destination that is down ÷ without",
            rates(Server::ForwardingDown),
            (0.95, 1.0),
        ),
        absolute(
            "forwarded in a second meanwhile",
            "/s",
            forwarded,
            (1_000.0, 3_000.0),
        ),
    ]
}
