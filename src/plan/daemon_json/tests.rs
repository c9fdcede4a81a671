//! Files as people write them → the merged text, byte for byte.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn patch(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn text(before: &str, value: &Value) -> Result<String, String> {
    merge(Some(before), &patch(value)).map(|merged| merged.text).map_err(|error| error.to_string())
}

#[test]
fn the_file_keeps_its_style() {
    let hosts = json!({"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tlsverify": true});
    let cases: [(&str, &Value, &str); 18] = [
        ("{}", &hosts, "{\n  \"hosts\": [\"fd://\", \"tcp://0.0.0.0:2376\"],\n  \"tlsverify\": true\n}"),
        ("\n{ }\n\n", &json!({"a": {"b": null}}), "\n{\n  \"a\": {}\n}\n\n"),
        (
            "{\n    \"dns\": [\"1.1.1.1\"],\n    \"mtu\": 1.0e3\n}\n",
            &hosts,
            "{\n    \"dns\": [\"1.1.1.1\"],\n    \"mtu\": 1.0e3,\n    \"hosts\": [\"fd://\", \"tcp://0.0.0.0:2376\"],\n    \"tlsverify\": true\n}\n",
        ),
        (
            "{\r\n\t\"a\": 1\r\n}\r\n",
            &json!({"b": {"c": [{}]}}),
            "{\r\n\t\"a\": 1,\r\n\t\"b\": {\r\n\t\t\"c\": [\r\n\t\t\t{}\r\n\t\t]\r\n\t}\r\n}\r\n",
        ),
        ("{\"a\": 1}", &hosts, "{\"a\": 1, \"hosts\": [\"fd://\", \"tcp://0.0.0.0:2376\"], \"tlsverify\": true}"),
        (
            "{\"a\":1,\"b\":{\"c\":2}}",
            &json!({"b": {"d": {"e": [1, 2]}}}),
            "{\"a\":1,\"b\":{\"c\":2,\"d\":{\"e\":[1,2]}}}",
        ),
        ("{ \"a\": 1, \"b\": 2, \"c\": 3 }", &json!({"a": null}), "{ \"b\": 2, \"c\": 3 }"),
        ("{ \"a\": 1, \"b\": 2, \"c\": 3 }", &json!({"c": null}), "{ \"a\": 1, \"b\": 2 }"),
        ("{\"a\": 1, \"b\": 2, \"c\": 3}", &json!({"a": null, "b": null}), "{\"c\": 3}"),
        ("{ \"a\": 1 }", &json!({"a": null, "b": 2}), "{ \"b\": 2 }"),
        (
            "{\n  \"a\": 1,\n  \"b\": 2,\n\n  \"c\": 3\n}",
            &json!({"b": null, "d": 4}),
            "{\n  \"a\": 1,\n\n  \"c\": 3,\n  \"d\": 4\n}",
        ),
        ("{\n  \"a\": 1\n}", &json!({"a": null}), "{}"),
        (
            "{\n  \"hosts\": [\n    \"fd://\"\n  ],\n  \"x\" : 1 ,\n  \"y\":2\n}",
            &hosts,
            "{\n  \"hosts\": [\n    \"fd://\",\n    \"tcp://0.0.0.0:2376\"\n  ],\n  \"x\" : 1 ,\n  \"y\":2,\n  \"tlsverify\": true\n}",
        ),
        (
            "{\n  \"a\": [\"x\"],\n  \"b\": []\n}",
            &json!({"a": ["y", "z"], "b": [1]}),
            "{\n  \"a\": [\"y\", \"z\"],\n  \"b\": [1]\n}",
        ),
        (
            "{\n  \"log-opts\": {\n    \"max-size\": \"10m\", \"big\": 123456789012345678901234567890\n  }\n}",
            &json!({"log-opts": {"max-size": "20m", "x": "y"}}),
            "{\n  \"log-opts\": {\n    \"max-size\": \"20m\", \"big\": 123456789012345678901234567890,\n    \"x\": \"y\"\n  }\n}",
        ),
        (
            "{\n  \"a\": {}\n}",
            &json!({"a": {"b": {"c": 1}}}),
            "{\n  \"a\": {\n    \"b\": {\n      \"c\": 1\n    }\n  }\n}",
        ),
        ("{\n  \"a\": {\"b\": 1}\n}", &json!({"a": 2}), "{\n  \"a\": 2\n}"),
        ("{\"\\u0061\": 1}", &json!({"a": 2}), "{\"\\u0061\": 2}"),
    ];
    for (before, value, expected) in cases {
        assert_eq!(text(before, value).as_deref(), Ok(expected), "{before}");
    }
    let long = json!({"labels": ["x".repeat(50), "y".repeat(50)]});
    assert!(text("{}", &long).is_ok_and(|text| text.starts_with("{\n  \"labels\": [\n    \"xxx")));
}

#[test]
fn what_means_the_same_is_no_change() {
    for (before, value) in [
        (
            "{ \"a\":1e3,\n\"b\":[ 1.0 , {\"x\":1,\"y\":2} ] }",
            json!({"a": 1000, "b": [1, {"y": 2, "x": 1}], "c": null}),
        ),
        (" {\"a\": \"\\u0041\\/\"}\n", json!({"a": "A/"})),
        ("{\"a\": {\"b\": 1}}", json!({"a": {"b": 1.0, "c": null}})),
        ("", json!({})),
        (" \n", json!({"a": null})),
    ] {
        let merged = merge(Some(before), &patch(&value));
        assert_eq!(merged, Ok(Merged { text: before.to_owned(), changed_keys: vec![] }), "{before}");
    }
    assert_ne!(
        text("{\"a\":9007199254740993}", &json!({"a": 9_007_199_254_740_992_u64})).as_deref(),
        Ok("{\"a\":9007199254740993}")
    );
}

#[test]
fn a_new_file_ends_with_a_line_break_and_is_in_the_patchs_order() {
    let value = json!({"tlsverify": true, "hosts": ["fd://"], "x": null, "log-opts": {"a": "b", "c": null}});
    let expected =
        "{\n  \"tlsverify\": true,\n  \"hosts\": [\"fd://\"],\n  \"log-opts\": {\n    \"a\": \"b\"\n  }\n}\n";
    for before in [None, Some(""), Some(" \r\n")] {
        assert_eq!(merge(before, &patch(&value)).map(|merged| merged.text).as_deref(), Ok(expected));
    }
    assert_eq!(merge(None, &Map::new()).map(|merged| merged.text).as_deref(), Ok("{}\n"));
}

#[test]
fn each_changed_key_is_told_with_its_values() {
    let value = json!({"c": null, "a": {"x": null}, "b": 2, "d": 4, "e": null});
    let merged = merge(Some("{\"a\": {\"x\": 1, \"y\": 2}, \"b\": 2, \"c\": 3}"), &patch(&value));
    let change = |key: &str, before, after| KeyChange { key: key.to_owned(), before, after };
    assert_eq!(
        merged.map(|merged| merged.changed_keys),
        Ok(vec![
            change("c", Some(json!(3)), None),
            change("a", Some(json!({"x": 1, "y": 2})), Some(json!({"y": 2}))),
            change("d", None, Some(json!(4))),
        ])
    );
}

#[test]
fn what_dockerd_refuses_is_refused_with_its_place() {
    for (before, error) in [
        ("{\n  \"a\": 1,\n}", "2:9: a comma may not stand before the end"),
        ("{\"a\": [1,]}", "1:9: a comma may not stand before the end"),
        ("{ // x\n}", "1:3: dockerd reads no comments"),
        ("{}\n# x", "2:1: dockerd reads no comments"),
        ("{'a': 1}", "1:2: JSON has double quotes only"),
        ("{a: 1}", "1:2: a key in double quotes is expected here"),
        ("{\"é\" 1}", "1:6: `:` is expected here"),
        ("{\"a\": 1 \"b\": 2}", "1:9: `,` or `}` is expected here"),
        ("{\"a\": [1 2]}", "1:10: `,` or `]` is expected here"),
        ("{\"a\": nulL}", "1:7: a value is expected here"),
        ("{\"a\": truex}", "1:7: a value is expected here"),
        ("{\"a\": 01}", "1:7: dockerd can't read this as a number"),
        ("{\"a\": 1e999}", "1:7: dockerd can't read this as a number"),
        ("{\"a\": \"\t\"}", "1:8: a control character must be escaped in a string"),
        ("{\"a\": \"\\q\"}", "1:7: the string holds an escape that stands for no character"),
        ("{\"a\": \"x}", "1:7: the string has no end"),
        ("{\"a\": \"x\\", "1:7: the string has no end"),
        ("{\"a\": 1", "1:8: the file ends too early"),
        ("{} {}", "1:4: nothing may follow the object"),
        ("{}\0", "1:3: nothing may follow the object"),
        ("[]", "1:1: the file must hold one object"),
        ("\n null", "2:2: the file must hold one object"),
        ("{\"a\": 1,\n \"b\": {\"c\": 1, \"\\u0063\": 2}}", "2:16: the key \"c\" stands at 2:8 already"),
        ("\u{feff}{}", "1:1: begins with a byte order mark"),
    ] {
        let value = json!({"a": 1});
        assert_eq!(text(before, &value), Err(error.to_owned()), "{before}");
    }
    assert_eq!(decode(b"{\n \"\xc3\xa9\xff\"}"), Err(JsonError::NotUtf8(Place { offset: 6, line: 2, column: 4 })));
}

#[test]
fn hostile_files_are_refused_at_once() {
    for (open, place) in [("[", "1:105"), ("{\"a\":", "1:501")] {
        let deep = format!("{{\"a\":{}", open.repeat(150_000));
        let error = format!("{place}: nested deeper than 100 levels");
        assert_eq!(text(&deep, &json!({"b": 1})), Err(error));
    }
    assert_eq!(text(&"[".repeat(1 << 20), &json!({})), Err("1:101: nested deeper than 100 levels".to_owned()));
    assert_eq!(text(&" ".repeat((1 << 20) + 1), &json!({})), Err("larger than 1 MiB".to_owned()));
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(99), "]".repeat(99));
    assert_eq!(text(&nested, &json!({"a": null})).as_deref(), Ok("{}"));
}

#[test]
fn a_value_after_the_change_is_in_the_files_order() {
    let merged = merge(Some("{\"a\": {\"x\": 1, \"y\": 2, \"z\": 3}}"), &patch(&json!({"a": {"x": null}})));
    let after = merged.map(|merged| {
        merged.changed_keys.iter().filter_map(|change| change.after.as_ref()).map(Value::to_string).collect()
    });
    assert_eq!(after, Ok(vec!["{\"y\":2,\"z\":3}".to_owned()]));
}

/// RFC 7396 as its section 2 spells it.
fn reference(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut result = target.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            result.shift_remove(key);
        } else {
            let merged = reference(result.get(key).unwrap_or(&Value::Null), value);
            result.insert(key.clone(), merged);
        }
    }
    Value::Object(result)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        "[a\\\\\"é\n]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn json_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(("[a-e]", json_value()), 0..6).prop_map(|members| members.into_iter().collect())
}

/// The same value in some style: white space from `seed` wherever it may stand.
fn spell(value: &Value, seed: &mut impl FnMut() -> &'static str) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| seed().to_owned() + &spell(item, seed) + seed()).collect();
            format!("[{}{}]", items.join(","), seed())
        }
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                let key = Value::from(key.as_str());
                format!("{}{key}{}:{}{}{}", seed(), seed(), seed(), spell(value, seed), seed())
            };
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}{}}}", members.join(","), seed())
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn merging_is_rfc_7396_and_touches_nothing_else(
        before in json_object(),
        patch in json_object(),
        spaces in prop::collection::vec(prop::sample::select(vec!["", "", " ", "\n", "\n  ", "\r\n\t"]), 1..30),
    ) {
        let mut next = spaces.iter().cycle();
        let old = spell(&Value::Object(before.clone()), &mut || next.next().copied().unwrap_or_default());
        let merged = merge(Some(&old), &patch).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let parsed: Value = serde_json::from_str(&merged.text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let expected = reference(&Value::Object(before.clone()), &Value::Object(patch.clone()));
        prop_assert_eq!(&parsed, &expected);
        prop_assert_eq!(merged.changed_keys.is_empty(), expected == Value::Object(before.clone()));
        prop_assert_eq!(merged.changed_keys.is_empty(), merged.text == old);

        let again = merge(Some(&merged.text), &patch).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&again.text, &merged.text);
        prop_assert!(again.changed_keys.is_empty());

        let members = |text: &str| -> Vec<(String, String)> {
            let root = parse::parse(text).ok().flatten().and_then(|root| root.members).unwrap_or_default();
            let span = |m: &parse::Member| (m.key.clone(), text[m.start..m.value.span.end].to_owned());
            root.iter().map(span).collect()
        };
        let changed = |key: &String| merged.changed_keys.iter().any(|change| change.key == *key);
        let untouched = |text: &str| members(text).into_iter().filter(|(key, _)| !changed(key)).collect::<Vec<_>>();
        prop_assert_eq!(untouched(&merged.text), untouched(&old));
    }

    #[test]
    fn no_text_makes_it_panic(
        text in "[\\[\\]{}\",:\\\\ \n0-9eE.+a-fu\u{e9}\u{feff}-]{0,40}",
        bytes in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let patch = patch(&json!({"a": {"b": 1}, "c": null}));
        let ours = merge(Some(&text), &patch);
        // What is accepted is JSON for others too.
        let theirs = serde_json::from_str::<Map<String, Value>>(&text);
        prop_assert!(ours.is_err() || text.trim().is_empty() || theirs.is_ok());
        let _ = decode(&bytes);
    }
}
