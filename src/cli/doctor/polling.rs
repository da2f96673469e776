//! `doctor --probe-polling`: the polling question as a table.

use std::io::{IsTerminal as _, Write as _, stderr};

use super::super::Failure;
use super::super::paper::{self, Paper};
use crate::config::Chatrace;
use crate::diagnose::chatrace_api::{ChatraceApi, Key};
use crate::diagnose::polling::{self, Matrix, Pace, QUESTIONS};
use crate::diagnose::{Report, Status};

/// Asks every question, tells on standard error how far it is, and prints what came of it.
pub(super) async fn probe(chatrace: &Chatrace, json: bool) -> Result<(), Failure> {
    let Some(token) = &chatrace.access_token else {
        return Err(Failure::CannotRun(
            "INSTAGRAM_ACCESS_TOKEN is not set: without a token there is nothing to try".to_owned(),
        ));
    };
    let api = ChatraceApi::new(&chatrace.api_url, token).map_err(|_| Failure::no_client())?;
    let watched = stderr().is_terminal();
    let matrix = polling::probe(&api, Pace::default(), |done| {
        if watched {
            write!(stderr(), "\r{done} of {QUESTIONS} questions").ok();
        }
    })
    .await;
    if watched {
        write!(stderr(), "\r\x1b[K").ok();
    }
    if json {
        paper::print_json(&matrix);
    } else {
        paper::print(&text(&matrix, Paper::stdout()));
    }
    match matrix.status {
        Status::Problem => Err(Failure::Said),
        _ => Ok(()),
    }
}

fn text(matrix: &Matrix, paper: Paper) -> String {
    let conclusion = paper.report(&Report {
        status: matrix.status,
        verdict: matrix.verdict.clone(),
        next_step: matrix.next_step.clone(),
        checks: Vec::new(),
    });
    if matrix.tried.is_empty() {
        return conclusion;
    }
    let heads = Key::ALL.iter().map(|key| key.as_str().to_owned());
    let mut rows = vec![
        std::iter::once("GET".to_owned())
            .chain(heads)
            .collect::<Vec<_>>(),
    ];
    for line in matrix.tried.chunks(Key::ALL.len()) {
        let path = line.first().map_or("", |tried| tried.path).to_owned();
        let cells = line.iter().map(|tried| tried.reply.cell());
        rows.push(std::iter::once(path).chain(cells).collect());
    }
    format!("{}\n{conclusion}", paper::table(&rows))
}
