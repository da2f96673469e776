//! `doctor --probe-polling`: tries to poll Chatrace's API, and prints a table of the answers.

use super::super::Failure;
use super::super::progress::Progress;
use super::super::terminal::{self, Terminal};
use crate::config::Chatrace;
use crate::diagnose::{Report, Status};
use crate::i18n::Text;
use crate::probe::chatrace_api::{ChatraceApi, PLACEMENTS};
use crate::probe::polling::{Matrix, Pace, REQUESTS, probe_polling};

/// Sends every request and prints the answers.
pub(super) async fn print_polling(chatrace: &Chatrace, json: bool) -> Result<(), Failure> {
    let Some(token) = &chatrace.access_token else {
        return Err(Failure::CannotRun(Text::new("polling-needs-token")));
    };
    let api = ChatraceApi::new(&chatrace.api_url, token).map_err(|_| Failure::no_client())?;
    let mut progress = Progress::new(u64::try_from(REQUESTS).ok());
    let matrix = probe_polling(&api, Pace::default(), |done| {
        let text = format!("{done} of {REQUESTS} requests");
        progress.show(u64::try_from(done).unwrap_or_default(), text);
    })
    .await;
    progress.clear();
    if json {
        terminal::print_json(&matrix);
    } else {
        terminal::print(&text(&matrix, Terminal::stdout()));
    }
    match matrix.status {
        Status::Problem => Err(Failure::Reported),
        _ => Ok(()),
    }
}

fn text(matrix: &Matrix, terminal: Terminal) -> String {
    let conclusion = terminal.report(&Report {
        status: matrix.status,
        verdict: matrix.verdict.clone(),
        next_step: matrix.next_step.clone(),
        checks: Vec::new(),
    });
    if matrix.tried.is_empty() {
        return conclusion;
    }
    let mut rows = vec![
        std::iter::once("GET")
            .chain(PLACEMENTS)
            .map(str::to_owned)
            .collect(),
    ];
    for line in matrix.tried.chunks(PLACEMENTS.len()) {
        let path = line.first().map_or("", |tried| tried.path).to_owned();
        let cells = line.iter().map(|tried| terminal.words(&tried.reply.cell()));
        rows.push(std::iter::once(path).chain(cells).collect::<Vec<_>>());
    }
    format!("{}\n{conclusion}", terminal::table(rows))
}
