use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// A NUL follows these bytes in the tree. Read through the text of the allocation that holds them.
fn nul_follows(kept: &[u8], lent: &[u8]) {
    assert_eq!(kept.last(), Some(&0));
    assert_eq!(without_nul(kept).as_ptr_range(), lent.as_ptr_range());
}

#[test]
fn every_kind_is_known_by_its_kind_and_answers_no_other_question() {
    let root = parse(r#" [null, true, 1, "s", [2], {"k": 3}, [], {}] "#);
    let kinds: Vec<JsonKind> = (0..root.len()).map(|i| root.item(i).unwrap().kind()).collect();
    use JsonKind as Is;
    let expected = [Is::Null, Is::Bool, Is::Number, Is::String, Is::Array, Is::Object, Is::Array, Is::Object];
    assert_eq!(kinds, expected);
    let answers = |i: usize| {
        let value = root.item(i).unwrap();
        [
            value.as_bool().is_some(),
            value.as_f64().is_some(),
            value.as_i64().is_some(),
            value.as_str().is_some(),
            value.item(0).is_some(),
            value.member(b"k").is_some(),
            value.entry(0).is_some(),
        ]
        .map(u8::from)
    };
    assert_eq!(answers(0), [0; 7]);
    assert_eq!(answers(1), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answers(2), [0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(answers(3), [0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(answers(4), [0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(answers(5), [0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(answers(6), [0; 7]);
    assert_eq!(answers(7), [0; 7]);
    assert_eq!((root.len(), root.item(8).is_none()), (8, true));
}

fn nested(open: &str, times: usize, close: &str) -> String {
    format!("{}0{}", open.repeat(times), close.repeat(times))
}

#[test]
fn nesting_of_128_is_parsed_and_129_is_too_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), (" [ 1, ", " ]")] {
        assert!(Json::parse(&nested(open, 128, close)).is_ok(), "{open}");
        assert_eq!(Json::parse(&nested(open, 129, close)).unwrap_err(), JsonError::TooDeep, "{open}");
    }
    let empty = |times| "[".repeat(times) + &"]".repeat(times);
    assert!(Json::parse(&empty(128)).is_ok());
    assert_eq!(Json::parse(&empty(129)).unwrap_err(), JsonError::TooDeep);
    assert!(Json::parse(&format!("[{}]", vec!["[[]]"; 500].join(","))).is_ok(), "breadth is not depth");
}

#[test]
fn a_million_brackets_overflow_no_stack() {
    assert!(matches!(Json::parse(&"[".repeat(1_000_000)), Err(JsonError::Syntax(_))));
    let deep = nested("[", 1_000_000, "]");
    assert_eq!(Json::parse(&deep).unwrap_err(), JsonError::TooDeep);
    assert_eq!(minify(&deep).map(|text| text.len()), Ok(deep.len()));
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "tru",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "- 1",
        "--1",
        "NaN",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "'a'",
        "\"a",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "1 2",
        "[1 2]",
        "[1",
        "]",
        "\u{a0}1",
        "/**/1",
        "\"\n\"",
    ] {
        assert!(matches!(Json::parse(text), Err(JsonError::Syntax(_))), "{text}");
        assert!(matches!(minify(text), Err(JsonError::Syntax(_))), "{text}");
    }
}

#[test]
fn an_error_says_where_and_nothing_of_the_text() {
    let Err(JsonError::Syntax(error)) = Json::parse("{\"password\": secret}") else {
        panic!("it is no JSON")
    };
    assert!(error.contains("line 1 column 14"), "{error}");
    assert!(!error.contains("secret") && !error.contains("password"), "{error}");
    assert_eq!(format!("{:?}", parse("\"secret\"")), "Json(String, 6)");
}

#[test]
fn numbers_come_as_they_came() {
    let long = "123456789012345678901234567890.000000000000000000000000000010E+0000000000000000000400";
    for text in ["0", "-0", "0.10", "1E5", "1e+05", "-12345678901234567890", "1234567890.1234567890", long] {
        let number = parse(text);
        assert_eq!((number.kind(), number.text().unwrap()), (JsonKind::Number, text.as_bytes()));
        assert_eq!(number.as_f64(), text.parse().ok());
        assert_eq!(
            parse(&format!("[ {text} , {text}]")).text().unwrap(),
            format!("[{text},{text}]").as_bytes()
        );
    }
    assert_eq!(parse("1e999").as_f64(), Some(f64::INFINITY));
    assert_eq!(parse("0.1").as_f64(), Some(0.1));
}

#[test]
fn integers_are_exact_however_they_are_written() {
    let integers = [
        ("0", 0),
        ("-0.0e-5", 0),
        ("0e99999999999999999999", 0),
        ("1e3", 1000),
        ("2.0", 2),
        ("-12.50e1", -125),
        ("1000e-3", 1),
        ("10.0000000000000000000000000000000000000000000000000", 10),
        ("0.00000000000000000000000000000000000000000000000001e50", 1),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("92233720368547758070000000000000000000000000e-25", i64::MAX),
        ("9007199254740993", 9007199254740993), // not a double
    ];
    for (text, value) in integers {
        assert_eq!(parse(text).as_i64(), Some(value), "{text}");
    }
    let others = [
        "9223372036854775808",
        "-9223372036854775809",
        "1e19",
        "1e99999999999999999999",
        "0.5",
        "1e-1",
        "1.0001",
        "15e-1",
        "1e-99999999999999999999",
        "123456789012345678901234567890.5",
        "18446744073709551616",
    ];
    for text in others {
        assert_eq!(parse(text).as_i64(), None, "{text}");
    }
}

#[test]
fn strings_are_unescaped_and_their_text_is_as_it_came() {
    let strings: &[(&str, &[u8])] = &[
        (r#""""#, b""),
        (r#""plain é""#, "plain é".as_bytes()),
        (r#""\"\\\/\b\f\n\r\t""#, b"\"\\/\x08\x0c\n\r\t"),
        (r#""a\u0000b""#, b"a\0b"),
        (r#""\u00e9\u20AC\ud83d\ude00!""#, "é€😀!".as_bytes()),
        (r#""\\u0041\\\"""#, br#"\u0041\""#),
        (r#""\ud800""#, "\u{fffd}".as_bytes()),
        (r#""\ud800x""#, "\u{fffd}x".as_bytes()),
        (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}".as_bytes()),
        (r#""\ud800\u0041""#, "\u{fffd}A".as_bytes()),
        (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀".as_bytes()),
        (r#""\ud800\n""#, "\u{fffd}\n".as_bytes()),
    ];
    for (text, value) in strings {
        let string = parse(text);
        assert_eq!(string.as_str(), Some(*value), "{text}");
        assert_eq!(string.len(), value.len());
        assert_eq!(string.text().unwrap(), text.as_bytes());
        let object = parse(&format!("{{ {text} : {text} }}"));
        assert_eq!(object.entry(0).map(|(key, _)| key), Some(*value));
        assert_eq!(object.text().unwrap(), format!("{{{text}:{text}}}").as_bytes());
        assert_eq!(object.member(value).and_then(Json::as_str), Some(*value));
    }
}

#[test]
fn of_duplicate_keys_the_last_counts_and_each_is_listed() {
    for others in [0, 100] {
        let filler: String = (0..others).map(|i| format!("\"k{i}\":{i},")).collect();
        let root = parse(&format!("{{\"a\":1,{filler}\"b\":2,\"a\":3,\"\":4}}"));
        assert_eq!(root.member(b"a").and_then(Json::as_i64), Some(3));
        assert_eq!(root.member(b"").and_then(Json::as_i64), Some(4));
        for i in 0..others {
            assert_eq!(root.member(format!("k{i}").as_bytes()).and_then(Json::as_i64), Some(i));
        }
        for missing in [&b"c"[..], b"k", b"zzz", b"a\0"] {
            assert!(root.member(missing).is_none());
        }
        assert_eq!(root.len(), 4 + others as usize);
        let keys: Vec<&[u8]> = (0..root.len()).map(|i| root.entry(i).unwrap().0).collect();
        assert_eq!(keys.iter().filter(|key| **key == b"a").count(), 2);
        assert_eq!((keys.first(), keys.last()), (Some(&&b"a"[..]), Some(&&b""[..])));
    }
}

#[test]
fn the_private_names_of_serde_json_are_keys_like_any_other() {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        let text = format!("{{\"{name}\":\"1\"}}");
        let root = parse(&text);
        assert_eq!((root.kind(), root.text().unwrap()), (JsonKind::Object, text.as_bytes()));
        assert_eq!(root.member(name.as_bytes()).and_then(Json::as_str), Some(&b"1"[..]));
    }
}

#[test]
fn a_nul_follows_each_string_key_and_text() {
    let root = parse(r#"{"plain":"x","esc\n":"\t","n":1}"#);
    let Repr::Object(Some(object)) = &root.0 else { panic!("an object") };
    for (i, member) in object.members.iter().enumerate() {
        nul_follows(&member.key.value, root.entry(i).unwrap().0);
        if let Repr::String(text) = &member.value.0 {
            nul_follows(&text.value, member.value.as_str().unwrap());
            let lent = member.value.text().unwrap();
            nul_follows(text.text.get().unwrap(), lent);
        }
    }
    let lent = root.text().unwrap();
    nul_follows(object.text.get().unwrap(), lent);
    for digits in [20, 21, 22, 23] {
        let number = parse(&"7".repeat(digits));
        match &number.0 {
            Repr::Number { len, text } => {
                assert_eq!((text[usize::from(*len)], digits <= 21), (0, true))
            }
            Repr::LongNumber(text) => nul_follows(text, number.text().unwrap()),
            _ => panic!("a number"),
        }
    }
}

#[test]
fn values_stay_where_they_are_when_the_root_moves() {
    let root = parse(r#"{"a":[1,{"b":"text"}]}"#);
    let inner = |root: &Json| {
        let object = root.member(b"a").unwrap().item(1).unwrap();
        let string = object.member(b"b").unwrap();
        (
            std::ptr::from_ref(object),
            std::ptr::from_ref(string),
            string.as_str().unwrap().as_ptr(),
            object.text().unwrap().as_ptr(),
        )
    };
    let before = inner(&root);
    let moved = Box::new(root);
    assert_eq!(inner(&moved), before);
}

#[test]
fn values_are_read_from_several_threads_at_once() {
    let root = parse(&format!("[{}]", vec!["{\"a\":\"x\"}"; 100].join(" , ")));
    let texts: Vec<*const u8> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| root.text().unwrap().as_ptr() as usize)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap() as *const u8).collect()
    });
    assert!(texts.iter().all(|text| *text == root.text().unwrap().as_ptr()));
}

#[test]
fn a_small_number_takes_24_bytes() {
    assert_eq!(size_of::<Json>(), 24);
}

#[test]
fn minify_drops_white_space_between_tokens_and_nothing_else() {
    let cases = [
        (" 1 ", "1"),
        ("\t{ \"a b\" :\r\n[ 1 , 2.50 , { } ] , \"a b\" : null }\n", "{\"a b\":[1,2.50,{}],\"a b\":null}"),
        (r#"[ " \" [ \\" , "\ud800 " ]"#, r#"[" \" [ \\","\ud800 "]"#),
        ("\"\"", "\"\""),
        ("[true , false]", "[true,false]"),
    ];
    for (text, minified) in cases {
        assert_eq!(minify(text).as_deref(), Ok(minified.as_bytes()));
        assert_eq!(minify(minified).as_deref(), Ok(minified.as_bytes()));
        assert_eq!(parse(text).text().unwrap(), minified.as_bytes());
    }
}

/// Random JSON text with white space where it may be.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "[ ]", "{\t}"]).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        string_text(),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let item =
            (inner.clone(), "[ \t\r\n]{0,2}").prop_map(|(value, space)| format!("{space}{value}{space}"));
        let member = (string_text(), item.clone()).prop_map(|(key, value)| format!(" {key} :{value}"));
        prop_oneof![
            prop::collection::vec(item, 1..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 1..30).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn string_text() -> impl Strategy<Value = String> {
    let escape =
        prop::sample::select(vec!["\\n", "\\\"", "\\\\", "\\u0000", "\\u20ac", "\\ud83d\\ude00", "\\/"]);
    let part = prop_oneof!["[a-c é😀]{0,3}", escape.prop_map(str::to_owned)];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// The same value as serde_json sees it.
fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match theirs {
        Value::Null => ours.kind() == JsonKind::Null,
        Value::Bool(truth) => ours.as_bool() == Some(*truth),
        // serde_json's doubles are a unit off in the last place now and then (its feature
        // float_roundtrip mends that).
        Value::Number(number) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), number.as_f64().unwrap());
            (ours - theirs).abs() <= theirs.abs() * 1e-15
        }
        Value::String(text) => ours.as_str() == Some(text.as_bytes()),
        Value::Array(items) => {
            ours.kind() == JsonKind::Array
                && ours.len() == items.len()
                && items.iter().enumerate().all(|(i, item)| same(ours.item(i).unwrap(), item))
        }
        Value::Object(members) => {
            ours.kind() == JsonKind::Object
                && members.iter().all(|(key, value)| same(ours.member(key.as_bytes()).unwrap(), value))
                && (0..ours.len()).all(|i| {
                    std::str::from_utf8(ours.entry(i).unwrap().0).is_ok_and(|key| members.contains_key(key))
                })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_the_one_that_serde_json_sees(text in json_text()) {
        let ours = parse(&text);
        prop_assert!(same(&ours, &serde_json::from_str(&text).unwrap()), "{}", text);
        prop_assert_eq!(ours.text().unwrap(), minify(&text).unwrap());
        let again = parse(std::str::from_utf8(ours.text().unwrap()).unwrap());
        prop_assert_eq!(again.text().unwrap(), ours.text().unwrap());
    }

    #[test]
    fn any_text_is_json_to_us_where_it_is_to_serde_json(text in "[\\[\\]{}:,\"0-9eE+.a\\\\utrn -]{0,12}") {
        let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(Json::parse(&text).is_ok(), theirs);
    }
}

/// A parser may ignore a byte-order mark (RFC 8259 §8.1); what goes out must have none.
#[test]
fn a_byte_order_mark_is_no_part_of_the_value() {
    assert_eq!(parse("\u{feff}{\"a\":1}").member(b"a").and_then(Json::as_i64), Some(1));
    assert_eq!(check("\u{feff}[1]"), Ok(()));
    assert_eq!(minify("\u{feff}[1, 2]").unwrap(), b"[1,2]");
    assert!(Json::parse("\u{feff}\u{feff}1").is_err(), "one mark, no more");
}
