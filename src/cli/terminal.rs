//! What commands print: as wide as the terminal, in colour only in a terminal. Whatever they print passes here, since
//! much of it is foreign, and a terminal would obey it.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _, stderr, stdout};

use comfy_table::presets::NOTHING;
use comfy_table::{Row, Table};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::env_file::{locale, process_variables};
use crate::diagnose::{Report, Status};
use crate::i18n::{Locale, Text};
use crate::text::{one_line, printable, without_controls};

/// The styles that this program prints.
const STYLES: [&str; 7] = ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[36m"];
/// The width of text where there is no terminal.
const PLAIN_WIDTH: usize = 100;

/// Where text is printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    width: usize,
    colour: bool,
    locale: Locale,
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
            locale: locale(),
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
        let names: Vec<_> = report
            .checks
            .iter()
            .map(|check| one_line(&check.name))
            .collect();
        let name_width = names
            .iter()
            .map(|name| name.len())
            .max()
            .unwrap_or_default()
            + 2;
        let verdict = self.words(&report.verdict);
        text += &self.marked(report.status, mark_width, "", 0, &verdict);
        text += &self.step(mark_width, &self.words(&report.next_step));
        if !report.checks.is_empty() {
            text.push('\n');
        }
        for (check, name) in report.checks.iter().zip(&names) {
            let sentence = [&check.observed, &check.meaning].map(|text| self.words(text));
            let sentence = sentence.join(" ");
            text += &self.marked(check.status, mark_width, name, name_width, &sentence);
            text += &self.step(mark_width + name_width, &self.words(&check.next_step));
        }
        text
    }

    /// The words of a text in the language of the terminal.
    pub(super) fn words(self, text: &Text) -> String {
        text.in_locale(self.locale)
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
    let variables = process_variables();
    let dumb = variables.get("TERM").is_some_and(|term| term == "dumb");
    let forbidden = variables
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !dumb && !forbidden
}

/// Columns as wide as their widest cell.
pub(super) fn table<C: AsRef<str>>(
    rows: impl IntoIterator<Item = impl IntoIterator<Item = C>>,
) -> String {
    let mut table = Table::new();
    let rows = rows.into_iter().map(|row| {
        Row::from(
            row.into_iter()
                .map(|cell| one_line(cell.as_ref()).into_owned()),
        )
    });
    table.load_style(NOTHING).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

/// Writes to standard output. A closed pipe is not a failure of the command.
pub(super) fn print(text: &str) {
    write(text).ok();
}

pub(super) fn print_json(value: &impl serde::Serialize) {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    print(&format!("{json}\n"));
}

/// Writes to standard output, for commands that have to know whether somebody still reads.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut output = stdout().lock();
    output.write_all(safe(text, is_coloured()).as_bytes())?;
    output.flush()
}

/// Writes lines to standard error, in the language of the terminal.
pub(super) fn say_text(text: &Text) {
    say(&text.in_locale(locale()));
}

/// Writes lines to standard error.
pub(super) fn say(text: &str) {
    // If even this cannot be written, there is nothing left to do.
    writeln!(stderr(), "{}", safe(text, false)).ok();
}

/// The text without anything that a terminal obeys but the styles of this program.
fn safe(text: &str, has_styles: bool) -> Cow<'_, str> {
    if !has_styles {
        return printable(text);
    }
    let mut parts = text.split('\x1b');
    let mut safe = printable(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let is_style = STYLES.iter().any(|style| part.starts_with(style));
        safe.push_str(if is_style { "\x1b" } else { "\\u001b" });
        safe.push_str(&printable(part));
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Check;

    fn report() -> Report {
        Report {
            status: Status::Problem,
            verdict: "The name does not resolve.".to_owned().into(),
            next_step: "Correct PUBLIC_URL.".to_owned().into(),
            checks: vec![Check {
                name: "public_url".to_owned(),
                status: Status::Problem,
                observed: "The name shop.example does not resolve.".to_owned().into(),
                meaning: "Nothing \x1b[31marrives.".to_owned().into(),
                next_step: "Correct PUBLIC_URL, or make the DNS entry."
                    .to_owned()
                    .into(),
            }],
        }
    }

    #[test]
    fn a_report_is_wrapped_beside_its_names() {
        let terminal = Terminal {
            width: 50,
            colour: false,
            locale: Locale::En,
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
            locale: Locale::En,
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
            locale: Locale::En,
        }
        .report(&report());
        let coloured = Terminal {
            width: 80,
            colour: true,
            locale: Locale::En,
        }
        .report(&report());
        assert!(!plain.contains('\x1b'));
        assert!(coloured.starts_with("\x1b[31mproblem\x1b[0m  The name"));
    }

    #[test]
    fn only_styles_of_this_program_are_obeyed() {
        let text = "\x1b[31mproblem\x1b[0m \x1b[2J\u{9b}2J\u{202e}\x1b\n";
        let safe_but =
            |escape| format!("{escape}[31mproblem{escape}[0m \\u001b[2J\\u009b2J\\u202e\\u001b\n");
        assert_eq!(safe(text, true), safe_but("\x1b"));
        assert_eq!(safe(text, false), safe_but("\\u001b"));
        assert_eq!(table([["\x1b[31m", "b\n"]]), "\\u001b[31m  b\\n\n");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(table([["a", "bb"], ["ccc", "d"]]), "a    bb\nccc  d\n");
    }
}
