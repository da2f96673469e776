//! `chatrace-webhook setup`: what to enter in Chatrace, step by step.

use std::fmt::Write as _;

use super::paper::{self, Paper};
use super::surroundings::Surroundings;
use super::{Failure, Lookup};
use crate::setup::{Situation, Step, steps};

/// The arguments.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Options {
    /// Print the steps as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the steps for this configuration.
pub(super) fn setup(options: Options, lookup: Lookup<'_>) -> Result<(), Failure> {
    let known = Surroundings::read(lookup, "API_TOKEN");
    let config = known.config.map_err(Failure::from)?;
    let steps = steps(&Situation::of(&config));
    if options.json {
        paper::print_json(&serde_json::json!({ "steps": steps }));
    } else {
        paper::print(&text(&steps, Paper::stdout()));
    }
    Ok(())
}

fn text(steps: &[Step], paper: Paper) -> String {
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        text += &paper.bold(&format!("{number}. {}", step.title));
        text.push('\n');
        for note in &step.notes {
            text += &paper.wrapped("   ", 3, note);
        }
        for field in &step.fields {
            // Never wrapped: it is copied. Writing to a string cannot fail.
            writeln!(text, "     {:<8}{}", field.name, field.value).ok();
        }
        if let Some(copy) = &step.copy {
            text.push('\n');
            for line in copy.lines() {
                writeln!(text, "     {line}").ok();
            }
        }
        text.push('\n');
    }
    text
}
