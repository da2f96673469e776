//! Messages over time, as a picture and as numbers, in the reader's time zone.

use jiff::{SignedDuration, ToSpan as _, Unit, Zoned};
use plotters::prelude::*;

use super::super::AppState;
use super::frame::Frame;
use super::words;
use crate::delivery::Outcome;
use crate::message::{Direction, Kind, SentAtSource};
use crate::store::{Count, Counts, Snapshot, hour_of};

/// The size of the picture, in pixels; the page scales it.
const SIZE: (u32, u32) = (720, 200);
/// Colours that stand for those of the page, light or dark. Each is replaced in the picture.
const COLOURS: [(RGBColor, &str, &str); 4] = [
    (INBOUND, "#010000", "var(--inbound)"),
    (OUTBOUND, "#020000", "var(--outbound)"),
    (TEXT, "#030000", "var(--soft)"),
    (LINE, "#040000", "var(--line)"),
];
const INBOUND: RGBColor = RGBColor(1, 0, 0);
const OUTBOUND: RGBColor = RGBColor(2, 0, 0);
const TEXT: RGBColor = RGBColor(3, 0, 0);
const LINE: RGBColor = RGBColor(4, 0, 0);

/// How much time a chart covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// The last 24 hours.
    Hours,
    /// The last 30 days.
    Days,
    /// The last 12 weeks.
    Weeks,
}

impl Span {
    const ALL: [Self; 3] = [Self::Hours, Self::Days, Self::Weeks];

    /// The span that a query asks for.
    pub(super) fn asked(query: &str) -> Self {
        let asked = |span: &&Self| query == span.query().trim_start_matches('?');
        Self::ALL.iter().find(asked).copied().unwrap_or(Self::Hours)
    }

    fn query(self) -> &'static str {
        match self {
            Self::Hours => "?chart=hours",
            Self::Days => "?chart=days",
            Self::Weeks => "?chart=weeks",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hours => "chart-hours",
            Self::Days => "chart-days",
            Self::Weeks => "chart-weeks",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Hours => "messages-by-hour",
            Self::Days => "messages-by-day",
            Self::Weeks => "messages-by-week",
        }
    }

    fn bars(self) -> i64 {
        match self {
            Self::Hours => 24,
            Self::Days => 30,
            Self::Weeks => 12,
        }
    }

    /// When the bar began that a time is in.
    fn begin(self, now: &Zoned) -> Result<Zoned, jiff::Error> {
        match self {
            Self::Hours => now.round(
                jiff::ZonedRound::new()
                    .smallest(Unit::Hour)
                    .mode(jiff::RoundMode::Trunc),
            ),
            Self::Days => now.start_of_day(),
            Self::Weeks => {
                let since_monday = now.weekday().to_monday_zero_offset();
                now.start_of_day()?
                    .checked_sub(i64::from(since_monday).days())
            }
        }
    }

    fn step(self, bars: i64) -> jiff::Span {
        match self {
            Self::Hours => bars.hours(),
            Self::Days => bars.days(),
            Self::Weeks => bars.weeks(),
        }
    }

    fn label(self, begin: &Zoned, frame: &Frame) -> String {
        match self {
            Self::Hours => begin.strftime("%H:%M").to_string(),
            Self::Days | Self::Weeks => frame.date(begin.date()),
        }
    }

    /// A label for the axis, where there is little room.
    fn short_label(self, begin: &Zoned) -> String {
        let form = if self == Self::Hours {
            "%H:%M"
        } else {
            "%d.%m"
        };
        begin.strftime(form).to_string()
    }
}

/// Messages over time.
pub(super) struct Chart {
    span: Span,
    pub(super) title: String,
    pub(super) svg: String,
    /// The messages with the names of the outcomes of the rows.
    pub(super) outcomes: Vec<&'static str>,
    pub(super) rows: Vec<ChartRow>,
    pub(super) kinds: Vec<(&'static str, i64)>,
    /// How long a message usually takes from being sent to being received, in words.
    pub(super) delay: Option<String>,
}

/// A bar.
pub(super) struct ChartRow {
    pub(super) label: String,
    short: String,
    pub(super) inbound: i64,
    pub(super) outbound: i64,
    pub(super) outcomes: Vec<i64>,
}

impl Chart {
    /// `None` if the database does not answer.
    pub(super) async fn of(state: &AppState, span: Span, frame: &Frame) -> Option<Self> {
        let begins = begins(span, &frame.zoned(&frame.now)).ok()?;
        let snapshot = state
            .store
            .snapshot(begins.first()?.timestamp())
            .await
            .ok()?;
        let delay = state.store.recent().await.ok().and_then(|recent| {
            let mut delays: Vec<_> = recent
                .messages
                .iter()
                .filter(|message| message.sent_at_source == SentAtSource::Message)
                .map(|message| message.received_at.duration_since(message.sent_at))
                .collect();
            delays.sort_unstable();
            delays.get(delays.len() / 2).map(|delay| seconds(*delay))
        });
        let rows = rows(span, &begins, &snapshot, frame);
        let kinds = Kind::ALL
            .iter()
            .map(|kind| (words::of_kind(kind), snapshot.total.get(Count::Kind(*kind))));
        Some(Self {
            span,
            title: frame.t(span.title()),
            svg: picture(&rows).ok()?,
            outcomes: outcomes()
                .map(|outcome| words::of_outcome(&outcome))
                .collect(),
            rows,
            kinds: kinds.filter(|(_, number)| *number > 0).collect(),
            delay,
        })
    }

    /// The address, the name of each chart, and whether it is this one.
    pub(super) fn spans(&self, frame: &Frame) -> Vec<(&'static str, String, bool)> {
        let link = |span: &Span| (span.query(), frame.t(span.name()), *span == self.span);
        Span::ALL.iter().map(link).collect()
    }
}

fn seconds(delay: SignedDuration) -> String {
    format!("{:.1} s", delay.as_secs_f64().max(0.0))
}

/// The outcomes of deliveries in the database.
fn outcomes() -> impl Iterator<Item = Outcome> {
    Outcome::ALL
        .iter()
        .copied()
        .filter(|outcome| *outcome != Outcome::Spooled)
}

/// When each bar begins, oldest first.
fn begins(span: Span, now: &Zoned) -> Result<Vec<Zoned>, jiff::Error> {
    let last = span.begin(now)?;
    (0..span.bars())
        .rev()
        .map(|back| last.checked_sub(span.step(back)))
        .collect()
}

/// The numbers of each bar. What is counted by the hour is in the bar in which the hour begins.
fn rows(span: Span, begins: &[Zoned], snapshot: &Snapshot, frame: &Frame) -> Vec<ChartRow> {
    let mut rows: Vec<_> = begins
        .iter()
        .map(|begin| ChartRow {
            label: span.label(begin, frame),
            short: span.short_label(begin),
            inbound: 0,
            outbound: 0,
            outcomes: vec![0; outcomes().count()],
        })
        .collect();
    let first: Vec<_> = begins
        .iter()
        .map(|begin| hour_of(begin.timestamp()))
        .collect();
    for (hour, counts) in &snapshot.hours {
        let behind = first.partition_point(|begin| begin <= hour);
        if let Some(row) = behind.checked_sub(1).and_then(|place| rows.get_mut(place)) {
            add(row, counts);
        }
    }
    rows
}

fn add(row: &mut ChartRow, counts: &Counts) {
    row.inbound += counts.get(Count::Direction(Direction::Inbound));
    row.outbound += counts.get(Count::Direction(Direction::Outbound));
    for (number, outcome) in row.outcomes.iter_mut().zip(outcomes()) {
        *number += counts.get(Count::Delivery(outcome));
    }
}

/// The picture, in the colours of the page.
fn picture(rows: &[ChartRow]) -> Result<String, Box<dyn std::error::Error>> {
    let most = rows
        .iter()
        .map(|row| row.inbound + row.outbound)
        .max()
        .unwrap_or_default();
    let most = most.max(4);
    let end = i32::try_from(rows.len())?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(4)
            .x_label_area_size(24)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..f64::from(end), 0..most)?;
        let label = |place: &f64| {
            // Marks are at whole numbers.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place of a row"
            )]
            let row = rows.get(place.round().max(0.0) as usize);
            row.map_or_else(String::new, |row| row.short.clone())
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(8)
            .y_labels(4)
            .x_label_formatter(&label)
            .axis_style(LINE)
            .bold_line_style(LINE)
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 12).into_font().color(&TEXT))
            .draw()?;
        for (place, row) in (0..end).zip(rows) {
            let (from, to) = (f64::from(place) + 0.1, f64::from(place) + 0.9);
            let bar = |low: i64, high: i64, colour: RGBColor| {
                Rectangle::new([(from, low), (to, high)], colour.filled())
            };
            let inbound = (row.inbound > 0).then(|| bar(0, row.inbound, INBOUND));
            let all = row.inbound + row.outbound;
            let outbound = (row.outbound > 0).then(|| bar(row.inbound, all, OUTBOUND));
            chart.draw_series(inbound.into_iter().chain(outbound))?;
        }
        area.present()?;
    }
    for (_, drawn, wanted) in COLOURS {
        svg = svg.replace(drawn, wanted);
    }
    // The page has its size, and a text in its place for those who do not see it.
    let size = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    Ok(svg.replacen(&size, "aria-hidden=\"true\"", 1))
}
