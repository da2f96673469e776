//! Where something was found, whose it is, and which of several candidates is the best.

use std::borrow::Cow;

/// Where an object stands, seen from the item it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::normalize) enum Place {
    /// It is the item.
    Root,
    /// Under `message`.
    Message,
    /// Under `data` or another wrapper.
    Data,
    /// Under `from`.
    From,
    /// Under `sender`.
    Sender,
    /// Under `user`.
    User,
    /// Under `contact`.
    Contact,
}

impl Place {
    pub(super) fn is_person(self) -> bool {
        matches!(self, Self::From | Self::Sender | Self::User | Self::Contact)
    }

    pub(super) fn role(self) -> Role {
        if matches!(self, Self::From | Self::Sender) {
            Role::Writer
        } else {
            Role::Customer
        }
    }

    pub(super) fn rank(self, rank: u8) -> u16 {
        u16::from(rank) * 16 + self as u16
    }
}

/// Whom an id or a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::normalize) enum Role {
    /// The customer, whoever wrote.
    Customer,
    /// Whoever wrote.
    Writer,
}

/// The best-ranked of several candidates; the first of equals.
#[derive(Debug)]
pub(in crate::normalize) struct Best<T>(Option<(u16, T)>);

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Best<T> {
    pub(in crate::normalize) fn offer(&mut self, rank: u16, candidate: Option<T>) {
        if let Some(candidate) = candidate
            && self.0.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            self.0 = Some((rank, candidate));
        }
    }

    pub(in crate::normalize) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }
}

/// One id of a person.
#[derive(Debug)]
pub(in crate::normalize) struct Candidate<'v> {
    pub(in crate::normalize) rank: u16,
    pub(in crate::normalize) role: Role,
    pub(in crate::normalize) id: Cow<'v, str>,
}

/// What one person is called.
#[derive(Debug, Default)]
pub(in crate::normalize) struct Names<'v> {
    pub(in crate::normalize) handle: Best<Cow<'v, str>>,
    pub(in crate::normalize) name: Best<Cow<'v, str>>,
    pub(in crate::normalize) first: Best<Cow<'v, str>>,
    pub(in crate::normalize) last: Best<Cow<'v, str>>,
}
