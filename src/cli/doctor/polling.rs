//! `doctor --probe-polling`: the polling question as a table.

use std::io::{IsTerminal as _, Write as _, stderr};

use super::super::Failure;
use super::super::terminal::{self, Terminal};
use crate::config::Chatrace;
use crate::diagnose::{Report, Status};
use crate::probe::chatrace_api::{ChatraceApi, TokenPlacement};
use crate::probe::polling::{Matrix, Pace, REQUESTS, probe_polling};

/// Asks every question, tells on standard error how far it is, and prints what came of it.
pub(super) async fn print_polling(chatrace: &Chatrace, json: bool) -> Result<(), Failure> {
    let Some(token) = &chatrace.access_token else {
        return Err(Failure::CannotRun(
            "INSTAGRAM_ACCESS_TOKEN is not set: without a token there is nothing to try".to_owned(),
        ));
    };
    let api = ChatraceApi::new(&chatrace.api_url, token).map_err(|_| Failure::no_client())?;
    let watched = stderr().is_terminal();
    let matrix = probe_polling(&api, Pace::default(), |done| {
        if watched {
            write!(stderr(), "\r{done} of {REQUESTS} requests").ok();
        }
    })
    .await;
    if watched {
        write!(stderr(), "\r\x1b[K").ok();
    }
    if json {
        terminal::print_json(&matrix);
    } else {
        terminal::print(&text(&matrix, Terminal::stdout()));
    }
    match matrix.status {
        Status::Problem => Err(Failure::Said),
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
    let heads = TokenPlacement::ALL
        .iter()
        .map(|placement| placement.as_str().to_owned());
    let mut rows = vec![
        std::iter::once("GET".to_owned())
            .chain(heads)
            .collect::<Vec<_>>(),
    ];
    for line in matrix.tried.chunks(TokenPlacement::ALL.len()) {
        let path = line.first().map_or("", |tried| tried.path).to_owned();
        let cells = line.iter().map(|tried| tried.reply.cell());
        rows.push(std::iter::once(path).chain(cells).collect());
    }
    format!("{}\n{conclusion}", terminal::table(&rows))
}
