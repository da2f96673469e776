//! The rounds: every subject once in each, in an order that rotates.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::database::Server as Database;
use crate::forwarding::Handler;
use crate::measure::{Bench, Measured, Subject};
use crate::ratios;
use crate::subject::Server;
use crate::{Plan, forwarding, machine, report, say, sizes};

/// Above this much stolen time a round says little.
pub(crate) const STOLEN: f64 = 10.0;

/// The figures of every round, by subject.
#[derive(Debug, Default)]
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

    fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let subjects = subjects.into_iter();
        Self(subjects.map(|subject| (subject, Vec::new())).collect())
    }

    fn add(&mut self, subject: Subject, measured: Measured) {
        let found = self.0.iter_mut().find(|(one, _)| *one == subject);
        if let Some((_, all)) = found {
            all.push(measured);
        }
    }

    /// With the figures of the peers, which were measured in the same rounds.
    fn with_peers(&self, others: &Self) -> Self {
        let peers = others.0.iter().filter(|(subject, _)| {
            // This build's commit says nothing about another one.
            !subject.is_service() && *subject != Subject::Commit
        });
        Self(self.0.iter().chain(peers).cloned().collect())
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
        Subject::Http(Server::Production, 256),
        Subject::Http(Server::Forwarding, 256),
        Subject::Http(Server::ForwardingDown, 256),
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

/// The order of a round: half of them backwards, each from another place, so that nobody has always the same
/// predecessor.
fn order(subjects: &[Subject], round: usize) -> Vec<Subject> {
    let mut order = subjects.to_vec();
    if round % 2 == 1 {
        order.reverse();
    }
    let count = order.len().max(1);
    order.rotate_left(round * 5 % count);
    order
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
    let handler = Handler::start().await?;
    let mut bench = Bench {
        database,
        directory: directory.path().to_owned(),
        batch: 1.0,
        plan: Plan {
            forward_to: handler.url.clone(),
            ..plan
        },
        handler,
    };
    let plan = bench.plan.clone();

    // Uncounted: warms up, and tells the batch size.
    let warm = bench
        .measure(Subject::Http(Server::Service, 256), 2.0)
        .await?;
    bench.batch = warm.batch.context("no batch size")?;

    let subjects = subjects(&plan);
    let mut figures = Figures::new(subjects.iter().copied());
    let mut before = Figures::default();
    let old = bench.before();
    if old.is_some() {
        before = Figures::new(subjects.iter().copied().filter(|one| one.is_service()));
    }
    for number in 0..plan.rounds {
        for subject in order(&subjects, number) {
            // The older build comes right before or right behind.
            let old = old.as_ref().filter(|_| subject.is_service());
            let mut builds = vec![(&bench, &mut figures, "")];
            builds.extend(old.map(|old| (old, &mut before, " before")));
            if number % 2 == 1 {
                builds.reverse();
            }
            for (bench, figures, label) in builds {
                let measured = bench.measure(subject, plan.seconds).await?;
                let name = format!("{}{label}", subject.name());
                say(&report::line(number, &name, &measured));
                figures.add(subject, measured);
            }
            if subject == Subject::Http(Server::Service, 256) {
                let last = figures.of(subject).last().and_then(|one| one.batch);
                bench.batch = last.unwrap_or(bench.batch);
            }
        }
    }
    let mut rows = ratios::rows(&figures);
    let mut rows_before = ratios::rows(&before.with_peers(&figures));
    let mut notes = Vec::new();
    let mut open_loop = Value::Null;
    let best = figures.of(Subject::Http(Server::Service, 256)).iter();
    let rate = ratios::median(best.map(|one| one.rate)).unwrap_or_default() / 2.0;
    if plan.only.is_empty() || plan.only.iter().any(|only| only == "forwarding") {
        forwarding::measure(&bench, rate, &mut rows).await?;
    }
    if plan.only.is_empty() {
        let seconds = plan.seconds.max(4.0);
        open_loop = bench.open_loop(Server::Service, rate, seconds).await?;
        sizes::measure(&bench, &mut rows, &mut notes).await?;
        if let Some(old) = &old {
            sizes::footprint(old, &mut rows_before).await?;
        }
    }

    say("");
    report::rates(&figures, &before);
    report::ratios(&rows, &rows_before);
    report::notes(&open_loop, &notes, &figures.disturbed());
    if let Some(path) = &plan.json {
        let now = json!({ "ratios": rows, "rounds": by_name(&figures) });
        let before = json!({ "ratios": rows_before, "rounds": by_name(&before) });
        let report = json!({
            "machine": machine,
            "postgres": version,
            "openLoop": open_loop,
            "now": now,
            "before": before,
        });
        std::fs::write(path, format!("{report:#}\n"))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn by_name(figures: &Figures) -> Value {
    figures
        .subjects()
        .map(|(subject, measured)| (subject.name(), json!(measured)))
        .collect()
}
