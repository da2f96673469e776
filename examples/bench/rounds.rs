//! The rounds: every subject once in each, in an order that rotates.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::database::Server as Database;
use crate::measure::{Bench, Measured, Subject};
use crate::ratios::{self, Row};
use crate::subject::Server;
use crate::{Plan, machine, say, sizes};

/// Above this much stolen time a round says little.
pub(crate) const STOLEN: f64 = 10.0;

/// The figures of every round, by subject.
#[derive(Debug)]
pub(crate) struct Figures(Vec<(Subject, Vec<Measured>)>);

impl Figures {
    pub(crate) fn of(&self, subject: Subject) -> &[Measured] {
        self.0
            .iter()
            .find(|(one, _)| *one == subject)
            .map_or(&[], |(_, measured)| measured)
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = (Subject, &[Measured])> {
        self.0
            .iter()
            .map(|(subject, measured)| (*subject, &measured[..]))
    }

    /// How many rounds had more stolen time than [`STOLEN`] in any measurement.
    pub(crate) fn disturbed(&self) -> Vec<usize> {
        let rounds = self.0.first().map_or(0, |(_, measured)| measured.len());
        (0..rounds)
            .filter(|round| {
                self.0
                    .iter()
                    .any(|(_, measured)| measured[*round].stolen > STOLEN)
            })
            .collect()
    }
}

/// Everybody who is measured.
fn subjects(plan: &Plan) -> Vec<Subject> {
    let mut subjects = vec![
        Subject::Pgbench,
        Subject::Http(Server::Service, 256),
        Subject::Commit,
        Subject::Http(Server::Floor, 256),
        Subject::Http(Server::Conventional, 256),
        Subject::Http(Server::Embedded, 256),
        Subject::Http(Server::Service, 16),
        Subject::Http(Server::Conventional, 16),
        Subject::Http(Server::Floor, 16),
        Subject::Http(Server::Service, 1),
        Subject::Http(Server::Conventional, 1),
        Subject::Http(Server::Floor, 1),
        Subject::Http(Server::Service, 64),
        Subject::Http(Server::Conventional, 64),
        Subject::Http(Server::Floor, 64),
        Subject::NewPeople(256),
        Subject::Windows(256),
    ];
    if plan.fastify.is_some() {
        subjects.insert(5, Subject::Http(Server::Fastify, 256));
    }
    if !plan.only.is_empty() {
        subjects.retain(|subject| {
            let name = subject.name();
            plan.only
                .iter()
                .any(|only| name == *only || name.starts_with(&format!("{only}-")))
        });
    }
    subjects
}

/// Measures everything, prints the tables, and writes the figures.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    ensure!(plan.rounds > 0 && plan.rows.len() == 2, "nothing to do");
    let database = Database::new(&plan.postgres).await?;
    let version = database.version().await?;
    let machine = machine::name();
    say(&format!(
        "{machine}, PostgreSQL {version}, default durability"
    ));
    let directory = tempfile::tempdir()?;
    let mut bench = Bench {
        database,
        directory: directory.path().to_owned(),
        batch: 1.0,
        plan,
    };
    let plan = bench.plan.clone();

    // Uncounted: warms up, and tells the batch size.
    let warm = bench
        .measure(Subject::Http(Server::Service, 256), 2.0)
        .await?;
    bench.batch = warm.batch.context("no batch size")?;

    let mut figures = Figures(
        subjects(&plan)
            .into_iter()
            .map(|subject| (subject, Vec::new()))
            .collect(),
    );
    let count = figures.0.len();
    for round in 0..plan.rounds {
        for turn in 0..count {
            // Half of the rounds backwards, each from another place: nobody has always the same predecessor.
            let turn = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            let at = (turn + round * 5) % count;
            let subject = figures.0[at].0;
            let measured = bench.measure(subject, plan.seconds).await?;
            if subject == Subject::Http(Server::Service, 256) {
                bench.batch = measured.batch.unwrap_or(bench.batch);
            }
            say(&ratios::line(round, subject, &measured));
            figures.0[at].1.push(measured);
        }
    }
    let mut rows = ratios::rows(&figures);
    let mut notes = Vec::new();
    let mut open_loop = Value::Null;
    if plan.only.is_empty() {
        let best = ratios::median(
            figures
                .of(Subject::Http(Server::Service, 256))
                .iter()
                .map(|one| one.rate),
        );
        let rate = best.unwrap_or_default() / 2.0;
        open_loop = bench.open_loop(rate, plan.seconds.max(4.0)).await?;
        sizes::measure(&bench, &mut rows, &mut notes).await?;
    }

    say("");
    ratios::print(&figures, &rows);
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
    for note in &notes {
        say(note);
    }
    let disturbed = figures.disturbed();
    if !disturbed.is_empty() {
        let list: Vec<_> = disturbed
            .iter()
            .map(|round| (round + 1).to_string())
            .collect();
        say(&format!(
            "More than {STOLEN:.0} % of the processors' time was stolen in round {} of {}: its figures say little.",
            list.join(", "),
            plan.rounds
        ));
    }
    if let Some(path) = &plan.json {
        write(path, &machine, &version, &figures, &rows, &open_loop)?;
    }
    Ok(())
}

fn write(
    path: &std::path::Path,
    machine: &str,
    version: &str,
    figures: &Figures,
    rows: &[Row],
    open_loop: &Value,
) -> anyhow::Result<()> {
    let subjects: serde_json::Map<_, _> = figures
        .subjects()
        .map(|(subject, measured)| (subject.name(), json!(measured)))
        .collect();
    let report = json!({
        "machine": machine,
        "postgres": version,
        "ratios": rows,
        "openLoop": open_loop,
        "rounds": subjects,
    });
    std::fs::write(path, format!("{report:#}\n"))
        .with_context(|| format!("{} cannot be written", path.display()))
}
