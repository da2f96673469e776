//! The catalogs in `locales/`: Project Fluent's format, in the program itself.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::{Argument, Locale};
use crate::text::{lower_first, upper_first};

type Bundle = FluentBundle<FluentResource>;

/// The files of a language.
macro_rules! files {
    ($language:literal) => {
        [
            include_str!(concat!("../../locales/", $language, "/page.ftl")),
            include_str!(concat!("../../locales/", $language, "/diagnosis.ftl")),
            include_str!(concat!("../../locales/", $language, "/errors.ftl")),
            include_str!(concat!("../../locales/", $language, "/setup.ftl")),
        ]
    };
}

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Locale::En, &files!("en")));
static RUSSIAN: LazyLock<Bundle> = LazyLock::new(|| bundle(Locale::Ru, &files!("ru")));

/// Tests read every file, so what is broken in one is never released.
fn bundle(locale: Locale, files: &[&str]) -> Bundle {
    let language: LanguageIdentifier = locale.as_str().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // Without marks of direction around arguments: terminals show them as boxes, and the page has elements for that.
    bundle.set_use_isolating(false);
    for file in files {
        let resource = match FluentResource::try_new((*file).to_owned()) {
            Ok(resource) => resource,
            Err((resource, errors)) => {
                debug_assert!(false, "{locale}: {errors:?}");
                resource
            }
        };
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Whether there is a message.
pub(super) fn has_message(id: &str) -> bool {
    ENGLISH.has_message(id)
}

/// Whether a message has an attribute. Tests hold that both languages have the same.
pub(super) fn has_attribute(id: &str, name: &str) -> bool {
    let message = ENGLISH.get_message(id);
    message.is_some_and(|message| message.get_attribute(name).is_some())
}

/// The words of a message or of an attribute of it; without it, those of the English one, or its id.
pub(super) fn words(
    locale: Locale,
    id: &str,
    attribute: Option<&str>,
    arguments: &[(&'static str, Argument)],
) -> String {
    let bundle: &Bundle = match locale {
        Locale::En => &ENGLISH,
        Locale::Ru => &RUSSIAN,
    };
    let pattern = bundle.get_message(id).and_then(|message| match attribute {
        Some(name) => message.get_attribute(name).map(|found| found.value()),
        None => message.value(),
    });
    let Some(pattern) = pattern else {
        debug_assert!(false, "there is no message `{id}` in {locale}");
        return match locale {
            Locale::En => id.to_owned(),
            Locale::Ru => words(Locale::En, id, attribute, arguments),
        };
    };
    let mut values = FluentArgs::with_capacity(arguments.len());
    for (name, argument) in arguments {
        values.set(
            *name,
            match argument {
                Argument::Number(number) => FluentValue::from(*number),
                Argument::Word(word) => FluentValue::from(word.as_str()),
                Argument::Part(part) => FluentValue::from(part.in_locale(locale)),
                Argument::Begun(part) => FluentValue::from(upper_first(&part.in_locale(locale))),
                Argument::Continued(part) => {
                    FluentValue::from(lower_first(&part.in_locale(locale)))
                }
            },
        );
    }
    let mut errors = Vec::new();
    let words = bundle.format_pattern(pattern, Some(&values), &mut errors);
    debug_assert!(errors.is_empty(), "`{id}` in {locale}: {errors:?}");
    words.into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fluent_bundle::FluentResource;
    use regex::Regex;

    use super::*;

    /// The messages and attributes of a language, and the arguments that each uses.
    fn messages(files: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let id = Regex::new(r"(?m)^(?:([a-z][a-z0-9-]*)|    (\.[a-z]+)) =").unwrap();
        let argument = Regex::new(r"\$([a-z]+)").unwrap();
        let mut found = BTreeMap::new();
        for file in files {
            FluentResource::try_new((*file).to_owned()).expect("it is Fluent");
            let starts: Vec<_> = id.captures_iter(file).collect();
            let mut message = String::new();
            for (number, start) in starts.iter().enumerate() {
                let end = starts
                    .get(number + 1)
                    .map_or(file.len(), |next| next.get(0).unwrap().start());
                let text = &file[start.get(0).unwrap().start()..end];
                let arguments = argument
                    .captures_iter(text)
                    .map(|found| found[1].to_owned());
                if let Some(id) = start.get(1) {
                    id.as_str().clone_into(&mut message);
                }
                let attribute = start.get(2).map_or("", |found| found.as_str());
                let name = message.clone() + attribute;
                let old = found.insert(name.clone(), arguments.collect());
                assert!(old.is_none(), "{name} is there twice");
            }
        }
        found
    }

    #[test]
    fn both_languages_have_the_same_messages_with_the_same_arguments() {
        let (english, russian) = (messages(&files!("en")), messages(&files!("ru")));
        let missing: Vec<_> = english
            .iter()
            .filter(|one| russian.get(one.0) != Some(one.1))
            .collect();
        assert!(
            missing.is_empty(),
            "not in Russian, or with other arguments: {missing:#?}"
        );
        let extra: Vec<_> = russian
            .keys()
            .filter(|id| !english.contains_key(*id))
            .collect();
        assert!(extra.is_empty(), "not in English: {extra:#?}");
    }

    #[test]
    fn a_message_chooses_the_plural_form_of_its_language() {
        let messages =
            |locale, count: i64| words(locale, "messages", None, &[("count", count.into())]);
        let forms = |locale| [1, 2, 5, 11, 21, 22].map(|count| messages(locale, count));
        assert_eq!(
            forms(Locale::En),
            [
                "1 message",
                "2 messages",
                "5 messages",
                "11 messages",
                "21 messages",
                "22 messages"
            ]
        );
        assert_eq!(
            forms(Locale::Ru),
            [
                "1 сообщение",
                "2 сообщения",
                "5 сообщений",
                "11 сообщений",
                "21 сообщение",
                "22 сообщения"
            ]
        );
    }
}
