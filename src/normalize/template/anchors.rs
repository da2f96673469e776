//! The fixed parts of a template, and where they stand in a body.

/// A fixed part: pieces with any white space between them. Empty only at the end of a form.
pub(super) type Anchor = Vec<String>;

/// The fixed parts of a template, one more than it has placeholders. Between two of them stands what was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchors(pub(super) Vec<Anchor>);

/// The fixed parts stand in a body more than once: what was filled in has one of them in it.
pub(super) struct TwoSplits;

impl Anchors {
    /// What stands between the fixed parts, if all of them are there: the first from the very beginning, the last to
    /// the very end. Takes linear time.
    pub(super) fn split<'t>(&self, text: &'t str) -> Option<Result<Vec<&'t str>, TwoSplits>> {
        let (first, inner, last) = self.ends()?;
        let begin = after(text, first, text.len() - text.trim_start().len())?;
        let end = before(text, last, text.trim_end().len())?;
        if begin > end {
            return None;
        }
        let mut left = Vec::with_capacity(inner.len());
        let mut at = begin;
        for anchor in inner {
            let found = find(text, anchor, at, end)?;
            left.push(found);
            at = found.1;
        }
        let mut right = Vec::with_capacity(inner.len());
        let mut bound = end;
        for anchor in inner.iter().rev() {
            let found = find_last(text, anchor, begin, bound)?;
            right.push(found);
            bound = found.0;
        }
        right.reverse();
        if left != right {
            return Some(Err(TwoSplits));
        }
        let mut values = Vec::with_capacity(left.len() + 1);
        let mut at = begin;
        for (from, to) in left {
            values.push(&text[at..from]);
            at = to;
        }
        values.push(&text[at..end]);
        Some(Ok(values))
    }

    fn ends(&self) -> Option<(&Anchor, &[Anchor], &Anchor)> {
        let (first, rest) = self.0.split_first()?;
        let (last, inner) = rest.split_last()?;
        Some((first, inner, last))
    }
}

/// The first place of an anchor in a part of the text.
fn find(text: &str, anchor: &Anchor, mut at: usize, end: usize) -> Option<(usize, usize)> {
    let piece = anchor.first()?;
    loop {
        let found = at + text[at..end].find(piece)?;
        match after(text, anchor, found) {
            Some(behind) if behind <= end => return Some((found, behind)),
            _ => at = found + piece.len(),
        }
    }
}

/// The last place of an anchor in a part of the text.
fn find_last(text: &str, anchor: &Anchor, begin: usize, mut end: usize) -> Option<(usize, usize)> {
    let bound = end;
    let piece = anchor.first()?;
    loop {
        let found = begin + text.get(begin..end)?.rfind(piece)?;
        match after(text, anchor, found) {
            Some(behind) if behind <= bound => return Some((found, behind)),
            _ => end = found,
        }
    }
}

/// The place behind an anchor that stands here.
fn after(text: &str, anchor: &Anchor, at: usize) -> Option<usize> {
    let mut rest = &text[at..];
    for (number, piece) in anchor.iter().enumerate() {
        if number > 0 {
            rest = rest.trim_start();
        }
        rest = rest.strip_prefix(piece.as_str())?;
    }
    Some(text.len() - rest.len())
}

/// The place before an anchor that ends here.
fn before(text: &str, anchor: &Anchor, end: usize) -> Option<usize> {
    let mut rest = &text[..end];
    for (number, piece) in anchor.iter().rev().enumerate() {
        if number > 0 {
            rest = rest.trim_end();
        }
        rest = rest.strip_suffix(piece.as_str())?;
    }
    Some(rest.len())
}
