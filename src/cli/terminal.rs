//! What commands print for people: as wide as the terminal, in colour only in a terminal.

use std::io::{IsTerminal as _, Write as _, stdout};

use comfy_table::presets::NOTHING;
use comfy_table::{Row, Table};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::variable;
use crate::diagnose::{Report, Status};
use crate::text::without_controls;

/// The width of text where there is no terminal.
const PLAIN_WIDTH: usize = 100;

/// Where text is printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    width: usize,
    colour: bool,
}

impl Terminal {
    pub(super) fn stdout() -> Self {
        Self {
            width: if stdout().is_terminal() {
                textwrap::termwidth().clamp(50, 120)
            } else {
                PLAIN_WIDTH
            },
            colour: is_coloured(),
        }
    }

    /// A report: the verdict and the next step first, then every check.
    pub(super) fn report(self, report: &Report) -> String {
        let mut text = String::new();
        let marks = report.checks.iter().map(|check| check.status.as_str());
        let mark_width = marks
            .chain([report.status.as_str()])
            .map(str::len)
            .max()
            .unwrap_or_default()
            + 2;
        let names = report.checks.iter().map(|check| check.name.len());
        let name_width = names.max().unwrap_or_default() + 2;
        text += &self.marked(report.status, mark_width, "", 0, &report.verdict);
        text += &self.step(mark_width, &report.next_step);
        if !report.checks.is_empty() {
            text.push('\n');
        }
        for check in &report.checks {
            let sentence = format!("{} {}", check.observed, check.meaning);
            text += &self.marked(check.status, mark_width, &check.name, name_width, &sentence);
            text += &self.step(mark_width + name_width, &check.next_step);
        }
        text
    }

    /// A status, a name and a text wrapped beside them.
    fn marked(
        self,
        status: Status,
        mark_width: usize,
        name: &str,
        name_width: usize,
        text: &str,
    ) -> String {
        let mark = status.as_str();
        let first = format!("{mark:<mark_width$}{name:<name_width$}");
        let wrapped = self.wrapped(&first, mark_width + name_width, text);
        // Colour has no width, so it is added after wrapping.
        wrapped.replacen(mark, &self.painted(status, mark), 1)
    }

    fn step(self, indent: usize, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let first = format!("{}→ ", " ".repeat(indent));
        self.wrapped(&first, indent + 2, text)
    }

    /// A wrapped text after the beginning of its first line, the other lines indented.
    pub(super) fn wrapped(self, first: &str, indent: usize, text: &str) -> String {
        let rest = " ".repeat(indent);
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(&rest)
            .break_words(false)
            // Lines break at blanks only, so that URLs, headers and variables can be copied.
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        let clean = without_controls(text);
        let mut wrapped = textwrap::fill(clean.trim(), options);
        wrapped.push('\n');
        wrapped
    }

    /// A text in the colour of a status.
    pub(super) fn painted(self, status: Status, text: &str) -> String {
        let colour = match status {
            Status::Ok => 32,
            Status::Unknown => 36,
            Status::Warning => 33,
            Status::Problem => 31,
        };
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        if self.colour {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whether standard output is a terminal with colours, and `NO_COLOR` is not set (<https://no-color.org>).
pub(super) fn is_coloured() -> bool {
    let dumb = variable("TERM").is_some_and(|term| term == "dumb");
    let forbidden = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !dumb && !forbidden
}

/// Columns as wide as their widest cell.
pub(super) fn table<R: Into<Row>>(rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

/// Writes to standard output. A closed pipe is not a failure of the command.
pub(super) fn print(text: &str) {
    stdout().write_all(text.as_bytes()).ok();
    stdout().flush().ok();
}

pub(super) fn print_json(value: &impl serde::Serialize) {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    print(&format!("{json}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Check;

    fn report() -> Report {
        Report {
            status: Status::Problem,
            verdict: "The name does not resolve.".to_owned(),
            next_step: "Correct PUBLIC_URL.".to_owned(),
            checks: vec![Check {
                name: "public_url".to_owned(),
                status: Status::Problem,
                observed: "The name shop.example does not resolve.".to_owned(),
                meaning: "Nothing \x1b[31marrives.".to_owned(),
                next_step: "Correct PUBLIC_URL, or make the DNS entry.".to_owned(),
            }],
        }
    }

    #[test]
    fn a_report_is_wrapped_beside_its_names() {
        let terminal = Terminal {
            width: 50,
            colour: false,
        };
        assert_eq!(
            terminal.report(&report()),
            "problem  The name does not resolve.
         → Correct PUBLIC_URL.

problem  public_url  The name shop.example does
                     not resolve. Nothing
                     [31marrives.
                     → Correct PUBLIC_URL, or make
                       the DNS entry.
"
        );
    }

    #[test]
    fn urls_and_headers_are_not_broken() {
        let terminal = Terminal {
            width: 50,
            colour: false,
        };
        let url = "https://hooks.my-very-own-shop.example/with-a-prefix/instagram/webhook";
        let wrapped = terminal.wrapped("", 0, &format!("Set the URL to {url} now."));
        assert!(wrapped.lines().any(|line| line == url), "{wrapped}");
        let wrapped = terminal.wrapped(
            "",
            0,
            "It needs the header under the name X-Webhook-Secret.",
        );
        assert!(wrapped.contains("X-Webhook-Secret."), "{wrapped}");
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        let plain = Terminal {
            width: 80,
            colour: false,
        }
        .report(&report());
        let coloured = Terminal {
            width: 80,
            colour: true,
        }
        .report(&report());
        assert!(!plain.contains('\x1b'));
        assert!(coloured.starts_with("\x1b[31mproblem\x1b[0m  The name"));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(table([["a", "bb"], ["ccc", "d"]]), "a    bb\nccc  d\n");
    }
}
