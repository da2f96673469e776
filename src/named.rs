//! Enums whose variants have one fixed name each, used in JSON, in the database and in queries.

/// Adds short names for what strum derives: `EnumString`, `IntoStaticStr` and `VariantArray`.
macro_rules! impl_named {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

            /// The name in JSON, in the database and in queries.
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// The variant with this name, if there is one.
            pub fn named(name: &str) -> Option<Self> {
                name.parse().ok()
            }
        }
    )+};
}
pub(crate) use impl_named;
