//! The bodies that the owner of a flow typed.

use super::Env;
use crate::i18n::Text;
use crate::normalize::{Escaping, Template, Templates};

/// The first is for the body of most flows, the others for those with a body of their own.
const DECLARED: [&str; 9] = [
    "BODY_TEMPLATE",
    "BODY_TEMPLATE_2",
    "BODY_TEMPLATE_3",
    "BODY_TEMPLATE_4",
    "BODY_TEMPLATE_5",
    "BODY_TEMPLATE_6",
    "BODY_TEMPLATE_7",
    "BODY_TEMPLATE_8",
    "BODY_TEMPLATE_9",
];

/// Reads the declared templates.
pub(super) fn read(env: &mut Env<'_>) -> Templates {
    let mut declared = Vec::new();
    for variable in DECLARED {
        match env.text(variable).map(|text| template(&text)) {
            None => {}
            Some(Ok(template)) => declared.push(template),
            Some(Err(problem)) => env.mistake(variable, problem),
        }
    }
    let escaping = env.one_of(
        "BODY_TEMPLATE_ESCAPING",
        &[
            ("auto", Escaping::Auto),
            ("json", Escaping::Escaped),
            ("none", Escaping::Raw),
        ],
    );
    Templates::new(declared, escaping.unwrap_or_default())
}

/// A template, or the file that `@` names.
fn template(text: &str) -> Result<Template, Text> {
    let Some(path) = text.strip_prefix('@') else {
        return Template::new(text);
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let problem = Text::new("config-template-file").with("path", path);
        problem.with("cause", error.to_string())
    })?;
    Template::new(&text)
}
