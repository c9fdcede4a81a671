//! `dockseal schema`: prints a JSON schema.

use std::io::{self, Write};

use super::arguments::SchemaOf;
use super::{Exit, print};
use crate::manifest;

const PLAN: &str = include_str!("../../schema/plan.schema.json");
const STATUS: &str = include_str!("../../schema/status.schema.json");
const FACTS: &str = include_str!("../../schema/facts.schema.json");

/// Writes it.
pub fn run(of: SchemaOf, out: &mut dyn Write) -> io::Result<Exit> {
    print(out, [text(of)]).map(|()| Exit::Done)
}

/// As it is checked in: what generates it from the types need not be in the program.
fn text(of: SchemaOf) -> &'static str {
    match of {
        SchemaOf::Manifest => manifest::SCHEMA,
        SchemaOf::Plan => PLAN,
        SchemaOf::Status => STATUS,
        SchemaOf::Facts => FACTS,
    }
}

#[cfg(test)]
mod tests {
    //! With `UPDATE_SCHEMA=1` the checked-in schemas are written anew; read the diff.
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;

    use super::{SchemaOf, manifest, text};
    use crate::observed::facts::HostFacts;
    use crate::render::json::{JsonPlan, pretty};
    use crate::render::status::Status;

    fn check(of: SchemaOf, name: &str, generated: &str) {
        if std::env::var_os("UPDATE_SCHEMA").is_some_and(|value| value == "1") {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.schema.json"));
            return fs::write(file, generated).unwrap();
        }
        let what_to_do = "the types have changed: run `UPDATE_SCHEMA=1 cargo test --lib schema`, and read the diff";
        assert_eq!(generated, text(of), "{name}: {what_to_do}");
    }

    /// Of what a type serializes to, draft 2020-12.
    fn schema_of<T: JsonSchema>() -> String {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        pretty(&settings.into_generator().into_root_schema_for::<T>())
    }

    #[test]
    fn each_checked_in_schema_is_what_the_types_say() {
        check(SchemaOf::Manifest, "manifest", &manifest::generated_schema());
        check(SchemaOf::Plan, "plan", &schema_of::<JsonPlan>());
        check(SchemaOf::Status, "status", &schema_of::<Status>());
        check(SchemaOf::Facts, "facts", &schema_of::<HostFacts>());
    }
}
