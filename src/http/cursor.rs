//! Cursors: opaque texts for a reader's position in a list.

use std::time::Duration;

use super::error::ApiError;

/// The list of a cursor. A cursor of another list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Messages,
    Deliveries,
    Contacts,
    /// Contacts by their last message.
    LastContacts,
}

impl List {
    fn prefix(self) -> &'static str {
        match self {
            Self::Messages => "m",
            Self::Deliveries => "d",
            Self::Contacts => "c",
            Self::LastContacts => "l",
        }
    }

    /// The cursor after a position.
    pub(super) fn cursor(self, position: i64) -> String {
        format!("{}{position}", self.prefix())
    }

    /// The position of the cursor in a parameter, if it has one.
    pub(super) fn position(
        self,
        parameter: &str,
        cursor: Option<&str>,
    ) -> Result<Option<i64>, ApiError> {
        let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
            return Ok(None);
        };
        let digits = cursor
            .strip_prefix(self.prefix())
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        digits
            .and_then(|digits| digits.parse().ok())
            .map(Some)
            .ok_or_else(|| {
                ApiError::BadRequest(format!(
                    "`{parameter}` is not a cursor of this list: use the `nextCursor` of its last page."
                ))
            })
    }
}

/// How long a request searches for rare rows before it answers an empty page with `caughtUp: false`.
pub(super) const SEARCH_TIME: Duration = Duration::from_millis(500);

/// The size of a page: 100 by default, 1000 at most.
pub(super) fn page_limit(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit {
        None => Ok(100),
        Some(limit @ 1..=1000) => Ok(limit),
        Some(_) => Err(ApiError::BadRequest(
            "`limit` must be a whole number from 1 to 1000.".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let position = |cursor: Option<&str>| List::Messages.position("after", cursor).unwrap();
        assert_eq!(position(Some(&List::Messages.cursor(42))), Some(42));
        assert_eq!(position(None), None);
        assert_eq!(position(Some("")), None);
    }

    #[test]
    fn what_is_no_cursor_of_this_list_is_refused() {
        for wrong in [
            "d42",
            "42",
            "m",
            "m-1",
            "m+1",
            "m99999999999999999999",
            "'; --",
            "m1 ",
        ] {
            let refused = List::Messages.position("before", Some(wrong));
            let sentence = refused.unwrap_err().sentence();
            assert!(sentence.contains("`before`"), "{wrong}: {sentence}");
        }
    }
}
