//! `chatrace-webhook setup`: what to enter in Chatrace, step by step.

use std::fmt::Write as _;

use super::Failure;
use super::environment::Environment;
use super::terminal::{self, Terminal};
use crate::config::Variables;
use crate::setup::{SetupStep, Situation, steps};

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct SetupArgs {
    /// Print the steps as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the steps for this configuration.
pub(super) fn setup(options: SetupArgs, variables: &Variables) -> Result<(), Failure> {
    let known = Environment::read(variables, "API_TOKEN");
    let config = known.config.map_err(Failure::from)?;
    let steps = steps(&Situation::new(&config));
    if options.json {
        terminal::print_json(&serde_json::json!({ "steps": steps }));
    } else {
        terminal::print(&text(&steps, Terminal::stdout()));
    }
    Ok(())
}

fn text(steps: &[SetupStep], terminal: Terminal) -> String {
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        text += &terminal.bold(&format!("{number}. {}", terminal.words(&step.title)));
        text.push('\n');
        for note in &step.notes {
            text += &terminal.wrapped("   ", 3, &terminal.words(note));
        }
        for field in &step.fields {
            let (name, value) = (terminal.words(&field.name), terminal.words(&field.value));
            // Not wrapped, so that it can be copied. Writing to a string cannot fail.
            writeln!(text, "     {name:<8}{value}").ok();
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
