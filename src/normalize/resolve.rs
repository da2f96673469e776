//! Chooses among the raw fields of an item: who, what, when.

use jiff::Timestamp;

use super::extracted::{Action, Context, Doubt, Extracted, Inherited};
use super::person::People;
use super::raw_fields::{Best, Container, Rank, RawFields};
use super::{attachment, scalar, time};
use crate::message::{Attachment, Channel, Direction, SentAtSource, Shape};

/// The rank of `created_at` among the times of the original system.
const RANK_CREATED_AT: Rank = Rank::by_alias(2, Container::Root);

impl RawFields<'_> {
    /// What the items inside this object inherit.
    pub(super) fn inherited(
        &self,
        parent: &Inherited,
        context: &Context,
        shape: Shape,
    ) -> Inherited {
        let direction = self.own_direction().or(parent.direction);
        let people = People::of(self, direction.unwrap_or(Direction::Inbound), parent);
        let is_trusted = context.is_known_form || self.is_platform_event || shape.is_metas();
        let doubt = if is_trusted {
            None
        } else {
            self.doubt(&people, parent, context)
        };
        Inherited {
            parties: people.choose(is_trusted),
            doubt: doubt.or_else(|| parent.doubt.clone()),
            is_behind_words: parent.is_behind_words || self.is_list_behind_words,
            channel: self
                .channel
                .get()
                .cloned()
                .or_else(|| parent.channel.clone()),
            direction,
            time: self.own_time(context).or(parent.time),
            id: None,
            is_event: self.event.get().is_some() || parent.is_event,
            unfilled_person: self
                .unfilled_person
                .clone()
                .or_else(|| parent.unfilled_person.clone()),
        }
    }

    /// Extracts one item.
    pub(super) fn resolve(
        mut self,
        parent: &Inherited,
        context: &Context,
        shape: Shape,
    ) -> Extracted {
        let own = self.inherited(parent, context, shape);
        let id = self.message_id().or_else(|| parent.id.clone());
        self.move_link_out_of_text();
        self.name_files();
        let is_meta = matches!(
            shape,
            Shape::MetaMessaging | Shape::MetaStandby | Shape::MetaChanges
        );
        let action = self.resolve_action(id.is_some(), is_meta);
        let has_words = self.text.get().is_some() || !self.attachments.is_empty();
        let mut payload = self.payload.get();
        if payload.is_none() && !has_words && action == Some(Action::Postback) {
            payload = self.button.get();
        }
        let payload = payload.map(ToString::to_string);
        let mut reply_to = self.reply_to.get().map(ToString::to_string);
        if let (Some(Action::Deletion | Action::Edit { .. }), Some((id, _))) = (&action, &id) {
            reply_to = Some(id.clone());
        }
        Extracted {
            shape,
            channel: own.channel.unwrap_or(Channel::Instagram),
            direction: own.direction.unwrap_or(Direction::Inbound),
            parties: own.parties,
            text: self.text.get().map(ToString::to_string),
            payload,
            reply_to,
            action,
            id,
            time: own.time,
            fine_time: None,
            is_record: self.is_dump || (self.is_record && !self.has_text_key),
            is_event: own.is_event,
            unfilled_text: self.unfilled_text,
            unfilled_person: own.unfilled_person,
            doubt: own.doubt,
            attachments: self.attachments,
        }
    }

    /// Why a customer could have made this item, or a part of it, by what they typed.
    fn doubt(&self, people: &People<'_>, parent: &Inherited, context: &Context) -> Option<Doubt> {
        if let Some(key) = self.repeated {
            return Some(Doubt::Repeated(key.to_owned()));
        }
        let outer = parent.parties.contact.as_deref();
        let outer = outer.or(context.header_contact.as_deref());
        if people.is_in_doubt(outer, parent.is_behind_words) {
            return Some(Doubt::Person);
        }
        let marks = self.outbound_marks;
        let is_outbound = self.own_direction() == Some(Direction::Outbound);
        let is_marked_late = marks.behind_words && !marks.before_words
            || !marks.behind_words && parent.is_behind_words;
        (is_outbound && is_marked_late).then_some(Doubt::Outbound)
    }

    /// The best of the body's own times that can be believed.
    pub(super) fn own_time(&self, context: &Context) -> Option<(Timestamp, SentAtSource)> {
        // In a contact's record this is when the contact was created.
        let created = self.created_at.filter(|_| !self.is_record);
        let mut times = self.times.clone();
        times.extend(created.map(|value| (RANK_CREATED_AT, value)));
        times.sort_by_key(|(rank, _)| *rank);
        times
            .iter()
            .find_map(|(_, value)| time::believable(value, context.arrival))
            .map(|time| (time, SentAtSource::Message))
    }

    /// Media comes as a link in the text slot (section 1, fact 7).
    fn move_link_out_of_text(&mut self) {
        let Some(link) = self.text.get().and_then(|text| attachment::url(text)) else {
            return;
        };
        let word = match (self.input_type.get(), self.kind_word.get()) {
            (Some(word), _) if word != "text" => word,
            (None, Some(word)) if is_file_word(word) => word,
            // Nobody types such a link.
            _ if attachment::is_metas(link) => "media",
            _ => return,
        };
        if !self
            .attachments
            .iter()
            .any(|file| file.url.as_deref() == Some(link))
        {
            self.attachments.push(Attachment::new(word, Some(link)));
        }
        self.text = Best::default();
    }

    /// Gives files their type where only the kind of the message says it.
    fn name_files(&mut self) {
        let word = [self.kind_word.get(), self.input_type.get()]
            .into_iter()
            .flatten()
            .find(|word| is_file_word(word));
        if let (Some(word), true, Some(link)) = (
            word,
            self.attachments.is_empty(),
            self.url.get().and_then(|url| attachment::url(url)),
        ) {
            self.attachments
                .push(Attachment::new(word.as_str(), Some(link)));
        }
        let specific = word.filter(|word| *word != "media").map(String::as_str);
        let mime = self
            .mime
            .get()
            .and_then(|mime| attachment::type_of_mime(mime));
        for file in &mut self.attachments {
            if file.kind.is_empty() {
                specific
                    .or(mime)
                    .unwrap_or("media")
                    .clone_into(&mut file.kind);
            }
            scalar::cut(std::mem::take(&mut file.kind).into(), 64)
                .replace('\0', "\u{fffd}")
                .clone_into(&mut file.kind);
        }
    }

    /// What was done, if it is more than writing.
    fn resolve_action(&self, has_id: bool, is_meta: bool) -> Option<Action> {
        if let Some(action) = &self.action {
            // Meta's keys for system events mean something else in an owner's own body.
            if is_meta || !matches!(action, Action::SystemEvent(_)) {
                return Some(action.clone());
            }
        }
        let has_words = self.text.get().is_some() || !self.attachments.is_empty();
        let event = self.event.get().map(|event| event.replace("message.", ""));
        let payload = self.payload.get();
        match self
            .kind_word
            .get()
            .or(event.as_ref())
            .map_or("", String::as_str)
        {
            "deletion" | "deleted" | "message_deleted" | "unsend" if has_id => {
                return Some(Action::Deletion);
            }
            "edit" | "edited" | "message_edit" if has_words => {
                return Some(Action::Edit { number: None });
            }
            "postback" if has_words || payload.is_some() => return Some(Action::Postback),
            "comment" | "comments" | "feed_comment" | "live_comment" if has_words || has_id => {
                return Some(Action::Comment);
            }
            "typing" | "typing_on" | "typing_off" if !has_words => {
                return Some(Action::SystemEvent("a typing notice"));
            }
            "read" | "seen" | "mark_seen" if !has_words => {
                return Some(Action::SystemEvent("a read receipt"));
            }
            "delivered" | "delivery" if !has_words => {
                return Some(Action::SystemEvent("a delivery receipt"));
            }
            _ => {}
        }
        if has_words {
            None
        } else if self.has_referral {
            Some(Action::Referral)
        } else if self.is_unsupported {
            Some(Action::Unsupported)
        } else {
            (payload.is_some() || self.button.get().is_some()).then_some(Action::Postback)
        }
    }
}

fn is_file_word(word: &str) -> bool {
    attachment::is_media_word(word) || attachment::is_share_word(word) || word == "story_mention"
}
