//! Where a value was found, whose it is, and which of several candidates wins.

use std::borrow::Cow;

/// The object a key is in: the item itself, or the one under this key of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::normalize) enum Container {
    Root,
    Message,
    /// Under `data` or another wrapper.
    Data,
    From,
    Sender,
    User,
    Contact,
}

impl Container {
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
}

/// Who an id or a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::normalize) enum Role {
    /// The customer, no matter who wrote.
    Customer,
    /// The author of the message.
    Writer,
}

/// How good a candidate is; the smallest wins. Compared part by part, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::normalize) struct Rank(u8, u8, u8);

impl Rank {
    /// The nth source of a value that has a fixed list of them.
    pub(in crate::normalize) const fn nth(n: u8) -> Self {
        Self(0, 0, n)
    }

    /// By the rank of the alias, then by at.
    pub(in crate::normalize) const fn by_alias(alias: u8, at: Container) -> Self {
        Self(0, alias, at as u8)
    }

    /// The rank of the alias, of a rank that is by alias.
    pub(in crate::normalize) fn alias(self) -> u8 {
        self.1
    }

    /// By tier, then by at, then by the rank of the alias.
    pub(super) const fn by_container(tier: u8, at: Container, alias: u8) -> Self {
        Self(tier, at as u8, alias)
    }
}

/// The best-ranked of several candidates; the first of equals.
#[derive(Debug)]
pub(in crate::normalize) struct Best<T>(Option<(Rank, T)>);

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Best<T> {
    pub(in crate::normalize) fn offer(&mut self, rank: Rank, candidate: Option<T>) {
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
pub(in crate::normalize) struct RankedId<'v> {
    pub(in crate::normalize) rank: Rank,
    pub(in crate::normalize) role: Role,
    pub(in crate::normalize) id: Cow<'v, str>,
    /// Whether it stands behind something that a customer typed, who could have typed it as well.
    pub(in crate::normalize) is_behind_words: bool,
}

/// What one person is called.
#[derive(Debug, Default)]
pub(in crate::normalize) struct Names<'v> {
    pub(in crate::normalize) handle: Best<Cow<'v, str>>,
    pub(in crate::normalize) name: Best<Cow<'v, str>>,
    pub(in crate::normalize) first: Best<Cow<'v, str>>,
    pub(in crate::normalize) last: Best<Cow<'v, str>>,
}
