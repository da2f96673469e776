//! The bodies that every contestant is sent: the flat form that a flow's owner types, about 500 bytes.

use clap::ValueEnum;

/// How many people write, unless said: most messages come from somebody who wrote before.
pub(crate) const CONTACTS: u64 = 10_000;

/// What tells messages apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Identity {
    /// An id in the body.
    Id,
    /// Nothing but content and arrival.
    Window,
}

/// Makes the bodies of a run.
#[derive(Debug)]
pub(crate) struct Bodies {
    run: String,
    contacts: u64,
    identity: Identity,
}

impl Bodies {
    pub(crate) fn new(run: &str, contacts: u64, identity: Identity) -> Self {
        Self {
            run: run.to_owned(),
            contacts,
            identity,
        }
    }

    /// The body of a message; never the same twice in a run.
    pub(crate) fn body(&self, number: u64) -> String {
        let contact = if self.contacts == 0 {
            number
        } else {
            // Scattered, so that neighbours in time are no neighbours in the index.
            number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.contacts
        };
        let person = 1_789_400_000_000_000 + contact;
        let id = match self.identity {
            Identity::Id => format!("\n  \"message_id\": \"{}-{number}\",", self.run),
            Identity::Window => String::new(),
        };
        format!(
            r#"{{
  "contact_id": "{person}",
  "channel": "instagram",
  "name": "Ana Ruiz {contact}",
  "username": "ana.ruiz.{contact}",{id}
  "type": "text",
  "text": "{}-{number}: Hola, vi la foto de las zapatillas rojas en su historia. ¿Las tienen en talla 38, cuánto cuestan y hacen envíos a Córdoba? Gracias 👟",
  "account_id": "1146761",
  "account_name": "Zapatería del Centro",
  "email": "ana.ruiz.{contact}@example.test",
  "phone": "+54 351 555 0100"
}}"#,
            self.run
        )
    }
}
