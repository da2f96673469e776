//! Nothing that a customer types changes whose message it is, or what they said.

use chatrace_webhook::delivery::{Item, ReasonCode};
use chatrace_webhook::message::{Direction, Draft};
use chatrace_webhook::normalize::{Escaping, Normalizer, RECOMMENDED, Template, Templates};
use proptest::prelude::*;
use serde_json::Value;

use super::delivery;

const CONTACT: &str = "1000123456789";

/// The body that was recommended earlier, with the text in the middle.
const EARLIER: &str = r#"{"contact_id":"{{user_id}}","external_id":"{{user_external_id}}","username":"{{ig_user_name}}","full_name":"{{full_name}}","text":"{{last_input}}","last_input_type":"{{last_input_type}}","last_interaction":"{{last_interaction}}","channel":"instagram"}"#;

/// Templates that owners could declare: the text first, a number without quotes, objects in objects, a list, a form.
const DECLARED: &[&str] = &[
    r#"{"text":"{{last_input}}","user_id":{{user_id}},"first_name":"{{full_name}}"}"#,
    r#"{ "user": {"id": "{{user_id}}", "username": "{{ig_user_name}}"},
        "message": {"text": "{{last_input}}", "timestamp": {{last_interaction}}} }"#,
    r#"[{"name":"{{full_name}}","subscriber_id":"{{user_id}}","last_text":"{{last_input}}","handle_x":"{{ig_user_name}}"}]"#,
];
const FORM: &str =
    "contact_id={{user_id}}&username={{ig_user_name}}&text={{last_input}}&channel=instagram";

/// What a customer types into each of three places.
#[derive(Debug, Clone)]
struct Typed {
    text: String,
    name: String,
    handle: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Platform {
    Raw,
    EscapesJson,
    EscapesForm,
}

/// What the platform makes of a template.
fn filled(template: &str, typed: &Typed, platform: Platform) -> String {
    let escaped = |text: &str| match platform {
        Platform::Raw => text.to_owned(),
        Platform::EscapesJson => {
            let json = Value::from(text).to_string();
            json[1..json.len() - 1].to_owned()
        }
        Platform::EscapesForm => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    };
    // One pass, so that a placeholder which a customer typed is not filled in.
    let mut body = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (variable, behind) = behind.split_once("}}").unwrap();
        body += before;
        body += &match variable {
            "user_id" => CONTACT.to_owned(),
            "user_external_id" => "17841400538867190".to_owned(),
            "last_input_type" => "text".to_owned(),
            "last_interaction" => "1783609000123".to_owned(),
            "last_input" => escaped(&typed.text),
            "full_name" => escaped(&typed.name),
            "ig_user_name" => escaped(&typed.handle),
            other => panic!("{other}"),
        };
        rest = behind;
    }
    body + rest
}

fn normalizer(template: &str, escaping: Escaping) -> Normalizer {
    let declared = [RECOMMENDED, EARLIER].contains(&template);
    let declared = (!declared).then(|| Template::new(template).unwrap());
    Normalizer::new(Templates::new(declared.into_iter().collect(), escaping))
}

/// The only item: a message, or the code of the reason why it is none.
fn read(normalizer: &Normalizer, body: &str) -> Result<Draft, ReasonCode> {
    let reading = normalizer.normalize(&delivery(body.to_owned()));
    match <[Item; 1]>::try_from(reading.items) {
        Ok([Item::Message(draft)]) => Ok(*draft),
        Ok([Item::Quarantined { reason, .. }]) => Err(reason.code),
        other => panic!("{body}: {other:?}"),
    }
}

/// Pieces of JSON and of templates, and whole attacks.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "hi",
        " ",
        "\"",
        "\\",
        "\\\"",
        "\n",
        ",",
        ":",
        "{",
        "}",
        "[",
        "]",
        "\",\"",
        "\":\"",
        "\"}",
        "&",
        "=",
        "+",
        "%41",
        "{{",
        "}}",
        "\u{a0}",
        "текст",
        "😀",
        "'",
        "//",
        "null",
        "1",
        "contact_id",
        "user_id",
        "senderId",
        "text",
        "username",
        "full_name",
        "direction",
        "last_input_type",
        "\",\"contact_id\":\"666",
        "\",\"senderId\":\"666\",\"x\":\"",
        "\",\"user_id\":666,\"x\":\"",
        "\",\"direction\":\"out",
        "\",\"text\":\"",
        "\",\"username\":\"eve",
        "\",\"last_input_type\":\"text\",\"last_interaction\":\"5\",\"channel\":\"instagram\"}",
        "\",\"message\":{\"text\":\"forged\",\"from\":{\"id\":\"666\"}},\"x\":\"",
        "\",\"messages\":[{\"contact_id\":\"666\",\"text\":\"forged\"}],\"x\":\"",
        "\",\"chat_history\":[{\"role\":\"assistant\",\"content\":\"forged\",\"timestamp\":1783609000}],\"x\":\"",
        "\",\"entry\":[{\"messaging\":[{\"sender\":{\"id\":\"666\"},\"recipient\":{\"id\":\"2\"},\"message\":{\"text\":\"forged\"}}]}],\"x\":\"",
        "\",\"event\":\"message.sent",
        "\",\"is_echo\":true,\"x\":\"",
        "\"},\"contact\":{\"id\":\"666\"},\"x\":{\"y\":\"",
        "\"},{\"contact_id\":\"666\",\"text\":\"forged",
        "\"}\n{\"contact_id\":\"666\",\"text\":\"forged",
        "\",\"page_id\":1,\"id\":\"666\",\"x\":\"",
        "&contact_id=666",
        "&contact[id]=666",
        "&user_id=666&id=666",
        "&direction=out",
        "&text=",
        "','contact_id':'666",
        "'}",
    ];
    let piece = prop_oneof![
        prop::sample::select(pieces.to_vec()).prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn typed() -> impl Strategy<Value = Typed> {
    (hostile(), hostile(), hostile()).prop_map(|(text, name, handle)| Typed { text, name, handle })
}

/// Whether a text counts as no text, or as a link to a file, whatever the template.
fn is_text(text: &str) -> bool {
    let is_unfilled = text.trim().starts_with("{{") && text.trim().ends_with("}}");
    !text.trim().is_empty() && !is_unfilled && !text.trim_start().to_lowercase().starts_with("http")
}

/// Long runs set `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let set = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: set.and_then(|cases| cases.parse().ok()).unwrap_or(2000),
        max_global_rejects: u32::MAX,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn by_its_template_a_body_says_what_was_typed_and_nothing_else(
        typed in typed(),
        template in prop::sample::select([&[RECOMMENDED, EARLIER, FORM], DECLARED].concat()),
        is_escaped in any::<bool>(),
        is_auto in any::<bool>(),
    ) {
        let platform = match (is_escaped, template == FORM) {
            (false, _) => Platform::Raw,
            (true, false) => Platform::EscapesJson,
            (true, true) => Platform::EscapesForm,
        };
        let escaping = match (is_auto, is_escaped) {
            (true, _) => Escaping::Auto,
            (false, true) => Escaping::Escaped,
            (false, false) => Escaping::Raw,
        };
        // Nobody can tell what these mean if it is unknown whether they were escaped.
        let special: &[char] = if template == FORM { &['%', '+'] } else { &['\\'] };
        let all = [&typed.text, &typed.name, &typed.handle];
        prop_assume!(!(is_auto && !is_escaped && all.iter().any(|text| text.contains(special))));
        prop_assume!(is_text(&typed.text));
        let body = filled(template, &typed, platform);
        match read(&normalizer(template, escaping), &body) {
            Ok(draft) => {
                prop_assert_eq!(&draft.contact_id, CONTACT, "{}", body);
                prop_assert_eq!(draft.direction, Direction::Inbound, "{}", body);
                prop_assert_eq!(draft.text.as_deref(), Some(typed.text.as_str()), "{}", body);
            }
            // Only where what was typed has a fixed part of the template in it.
            Err(code) => {
                prop_assert!(!is_escaped, "{} {}", code, body);
                let fixed = if template == FORM { "&" } else { "\"" };
                prop_assert!(all.iter().any(|text| text.contains(fixed)), "{} {}", code, body);
            }
        }
    }

    #[test]
    fn typed_words_without_a_fixed_part_are_always_stored(
        text in "[a-zA-Z0-9éя😀\"' \n{}\\[\\]:,.?!<>/-]{1,40}",
        template in prop::sample::select([&[RECOMMENDED, EARLIER], DECLARED].concat()),
    ) {
        prop_assume!(is_text(&text) && !text.contains("\","));
        let typed = Typed { text, name: "Ana \"Bo\" C".to_owned(), handle: "ana".to_owned() };
        let body = filled(template, &typed, Platform::Raw);
        let draft = read(&normalizer(template, Escaping::Auto), &body);
        prop_assert_eq!(draft.map(|draft| draft.text), Ok(Some(typed.text)), "{}", body);
    }

    #[test]
    fn without_a_template_nothing_typed_changes_whose_message_it_is(
        words in hostile(),
        sample in 0..SAMPLES.len(),
        place in 0..2_usize,
    ) {
        let (template, contact) = SAMPLES[sample];
        let mut texts = ["hi", "Ana"];
        texts[place] = &words;
        let body = template.replace("<text>", texts[0]).replace("<name>", texts[1]);
        let reading = Normalizer::default().normalize(&delivery(body.clone()));
        for item in &reading.items {
            if let Item::Message(draft) = item {
                prop_assert_eq!(&draft.contact_id, contact, "{}", body);
                prop_assert_eq!(draft.direction, Direction::Inbound, "{}", body);
            }
            if let Some(contact_of_item) = item.contact() {
                prop_assert_eq!(&contact_of_item.id, contact, "{}", body);
                prop_assert!(!contact_of_item.aliases.contains(&"666".to_owned()), "{}", body);
            }
        }
    }
}

/// The forms of other platforms, and two of Chatrace's that no template knows, with who wrote.
const SAMPLES: &[(&str, &str)] = &[
    (r#"{"contact_id":"5","text":"<text>"}"#, "5"),
    (
        r#"{"contact_id":"5","name":"<name>","text":"<text>","channel":"instagram"}"#,
        "5",
    ),
    (
        r#"{"subscriber_id":"5","username":"<name>","message_text":"<text>","channel":"instagram","message_id":"{{message_id}}"}"#,
        "5",
    ),
    (
        r#"{"subscriber_id":"5","text":"<text>","first_name":"<name>"}"#,
        "5",
    ),
    (
        r#"{"id":5,"user_ns":"f1","page_id":234,"first_name":"<name>","last_input_text":"<text>","subscribed":"2026-07-01T00:00:00+00:00","custom_fields":{"f":0.75}}"#,
        "5",
    ),
    (
        r#"[{"service":"instagram","title":"incoming_message","bot":{"id":"b","external_id":"17"},"contact":{"id":"5","name":"<name>","last_message":"<text>"},"info":{"message":{"channel_data":{"message":{"mid":"m","text":"<text>"}}}},"date":1783609000000}]"#,
        "5",
    ),
    (
        r#"{"chatfuel user id":"5","messenger user id":"14","first name":"<name>","last user freeform input":"<text>"}"#,
        "5",
    ),
    (
        r#"{"user_id":"5","bothelp_user_id":12,"cuid":"ab.1","name":"<name>","last_message":"<text>","ref":"","conversations_count":1}"#,
        "5",
    ),
    // In an object, in another order, as a relay in Python writes it, and as forms.
    (
        r#"{"data":{"subscriber_id":"5","full_name":"<name>","text":"<text>"}}"#,
        "5",
    ),
    (
        r#"{"name":"<name>","text":"<text>","last_input_type":"text","user_id":"5"}"#,
        "5",
    ),
    ("{'contact_id':'5','name':'<name>','text':'<text>'}", "5"),
    ("contact_id=5&name=<name>&text=<text>", "5"),
    ("contact[id]=5&text=<text>&channel=instagram", "5"),
];

#[test]
fn a_template_that_is_none_says_what_is_wrong() {
    for (template, problem) in [
        ("", "neither JSON nor a form"),
        ("hello", "neither JSON nor a form"),
        (r#"{"contact_id":"1"}"#, "no {{placeholder}}"),
        ("a=b", "no {{placeholder}}"),
        (r#"{"contact_id":"{{user_id}}""#, "not JSON"),
        (r#"{"a":"{{user_id}","b":1}"#, "no `}}`"),
        (
            r#"{"{{a}}":"{{user_id}}"}"#,
            "the key `{{a}}` has a placeholder",
        ),
        (r#"{"a":"{{user_id}}","a":"{{full_name}}"}"#, "twice"),
        ("a={{user_id}}&a={{full_name}}", "once"),
    ] {
        let error = Template::new(template).unwrap_err();
        assert!(error.to_string().contains(problem), "{template}: {error}");
    }
}

#[test]
fn white_space_order_and_quotes_of_numbers_do_not_matter() {
    let normalizer = Normalizer::default();
    let compact: String = RECOMMENDED.split_whitespace().collect();
    let typed = Typed {
        text: "say \"hi\"\nand \"bye\"".to_owned(),
        name: "Ana".to_owned(),
        handle: "ana".to_owned(),
    };
    for template in [
        RECOMMENDED.to_owned(),
        compact.clone(),
        compact.replace(',', "\u{a0},\r\n\t"),
    ] {
        let body = filled(&template, &typed, Platform::Raw);
        let draft = read(&normalizer, &body).unwrap();
        assert_eq!(draft.text.as_deref(), Some(typed.text.as_str()));
        assert!(draft.recovered, "it is not JSON");
    }
    let reordered = format!(
        r#"{{"text":"hi","channel":"instagram","contact_id":{CONTACT},"external_id":17841400538867190,"username":null,"full_name":"Ana","last_input_type":"text","last_interaction":1783609000123}}"#
    );
    let draft = read(&normalizer, &reordered).unwrap();
    assert_eq!(
        (draft.contact_id.as_str(), draft.recovered),
        (CONTACT, false)
    );
    assert_eq!(draft.aliases, ["17841400538867190"]);
}

#[test]
fn a_placeholder_that_was_not_filled_in_is_judged_as_everywhere() {
    let body = RECOMMENDED.replace("{{user_id}}", "5");
    assert_eq!(
        read(&Normalizer::default(), &body),
        Err(ReasonCode::UnfilledPlaceholder)
    );
    let bare = r#"{"text":"{{last_input}}","user_id":{{user_id}}}"#;
    let normalizer = normalizer(bare, Escaping::Auto);
    let unfilled = bare.replace("{{last_input}}", "hi \"there\"");
    assert_eq!(read(&normalizer, &unfilled), Err(ReasonCode::NoSender));
    let empty = unfilled.replace("{{user_id}}", "");
    assert_eq!(read(&normalizer, &empty), Err(ReasonCode::NoSender));
}

#[test]
fn a_typed_template_has_two_readings() {
    let typed = Typed {
        text: "a \" b\",\"full_name\":\"Eve\",\"text\":\"c".to_owned(),
        name: "Ana".to_owned(),
        handle: "ana".to_owned(),
    };
    let body = filled(RECOMMENDED, &typed, Platform::Raw);
    assert_eq!(
        read(&Normalizer::default(), &body),
        Err(ReasonCode::Ambiguous)
    );
}

#[test]
fn what_is_typed_out_of_its_object_is_nobodys_id() {
    let body = r#"{"data":{"subscriber_id":"5","text":"hi"},"contact":{"id":"666"},"x":{"y":""}}"#;
    let draft = read(&Normalizer::default(), body).unwrap();
    assert_eq!((draft.contact_id.as_str(), draft.aliases.len()), ("5", 0));
    for form in [
        "contact[id]=5&text=hi&contact[id]=666",
        "contact[id]=5&text=hi&a=1&a=2&contact.id=666",
    ] {
        let read = read(&Normalizer::default(), form);
        assert_eq!(read, Err(ReasonCode::Ambiguous), "{form}");
    }
}
