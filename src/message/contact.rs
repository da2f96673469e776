//! The customer of a conversation.

use super::names::Channel;

/// The customer of a conversation, as one item names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The platform of the conversation.
    pub channel: Channel,
    /// The customer's id on that channel or in Chatrace.
    pub id: String,
    /// The customer's handle, without a leading `@`.
    pub username: Option<String>,
    /// The customer's name as shown to people.
    pub display_name: Option<String>,
    /// Other ids of the same person.
    pub aliases: Vec<String>,
}

impl Contact {
    /// How many bytes its texts take.
    pub(crate) fn text_bytes(&self) -> usize {
        self.channel.as_str().len()
            + self.id.len()
            + optional_bytes([&self.username, &self.display_name])
            + list_bytes(&self.aliases)
    }

    /// Takes over the names of a later mention of the same contact, and adds its aliases.
    pub fn merge(&mut self, later: Self) {
        self.username = later.username.or(self.username.take());
        self.display_name = later.display_name.or(self.display_name.take());
        for alias in later.aliases {
            if !self.aliases.contains(&alias) {
                self.aliases.push(alias);
            }
        }
    }
}

/// How many bytes these texts take.
pub(super) fn optional_bytes<'t>(texts: impl IntoIterator<Item = &'t Option<String>>) -> usize {
    texts.into_iter().flatten().map(String::len).sum()
}

/// How many bytes a list of texts takes.
pub(super) fn list_bytes(texts: &[String]) -> usize {
    size_of_val(texts) + texts.iter().map(String::len).sum::<usize>()
}
