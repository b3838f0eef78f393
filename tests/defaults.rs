//! What an option is by default stands in the code, in the header and in the guide, and is the same in all three.
//!
//! An option needs no line here: the field is found by its name, which is the option's (without the unit).

// Without compression one of the defaults is another.
#![cfg(feature = "compression")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ws4d_client::Options;

/// Fields that are called otherwise than their options.
const FIELDS: &[(&str, &[&str])] = &[
    ("compression", &["level"]),
    ("compression_context_takeover", &["client_context_takeover", "server_context_takeover"]),
    ("compression_memory", &["memory"]),
    ("compression_min_size", &["min_size"]),
    ("compression_window_bits", &["client_max_window_bits", "server_max_window_bits"]),
];

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file)
}

/// `"http/1.1"`, `64 MiB` and `WS_DATA_TYPE_TEXT` as `http/1.1`, `67108864` and `text`.
fn plain(value: &str) -> String {
    let value = value.trim().trim_matches(['"', '`']);
    for (unit, shift) in [(" KiB", 10), (" MiB", 20)] {
        if let Some(number) = value.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok()) {
            return (number << shift).to_string();
        }
    }
    value.strip_prefix("WS_DATA_TYPE_").map_or_else(|| value.to_owned(), str::to_lowercase)
}

/// An option's setter in the header.
struct Setter {
    /// What follows each `Default:` of its comment.
    defaults: Vec<String>,
    /// How many of its arguments are numbers, where all are but the first; else 0.
    numbers: usize,
}

/// By the name of the option.
fn setters(header: &str) -> BTreeMap<String, Setter> {
    let mut setters = BTreeMap::new();
    for part in header.split("/**").skip(1) {
        let Some((comment, code)) = part.split_once("*/") else { continue };
        let Some((name, rest)) =
            code.trim_start().strip_prefix("ws_result ws_options_set_").and_then(|code| code.split_once('('))
        else {
            continue;
        };
        let comment = comment.lines().map(|line| line.trim().trim_start_matches("* ")).collect::<Vec<_>>();
        let comment = comment.join(" ") + " ";
        let defaults = comment.split("Default: ").skip(1);
        let defaults = defaults.map(|text| plain(text.split(". ").next().unwrap_or_default())).collect();
        let arguments = rest.split_once(')').unwrap_or_default().0.split(',').skip(1);
        let arguments: Vec<&str> = arguments.collect();
        let numbers = if arguments.iter().any(|text| text.contains('*')) { 0 } else { arguments.len() };
        setters.insert(name.to_owned(), Setter { defaults, numbers });
    }
    setters
}

/// A value as `Debug` writes it, in the option's own unit: `Some(30s)` is 30000 for an option in ms.
fn of_code(value: &str, option: &str) -> String {
    let value = value.strip_prefix("Some(").and_then(|value| value.strip_suffix(')')).unwrap_or(value);
    let per_unit = if option.ends_with("_ms") { 1e3 } else { 1.0 };
    for (suffix, us) in [("ns", 1e-3), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)] {
        if let Some(number) = value.strip_suffix(suffix).and_then(|number| number.parse::<f64>().ok()) {
            return (number * us / per_unit).to_string();
        }
    }
    match value {
        "None" | "false" => "0".to_owned(),
        "true" => "1".to_owned(),
        "Tls12" => "12".to_owned(),
        _ => value.trim_matches(['[', ']', '"']).to_lowercase(),
    }
}

/// The value of a field that is no struct itself, in whatever struct it is.
fn field<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    let before = format!(" {name}: ");
    let (_, value) = options.split_once(&before)?;
    let (value, rest) = value.split_at(value.find([',', ' '])?);
    (!rest.starts_with(" {")).then_some(value)
}

/// What the code has for an option; `None` if no field is called so.
fn in_code(options: &str, option: &str) -> Option<Vec<String>> {
    let name = option.trim_end_matches("_ms").trim_end_matches("_us");
    let other = FIELDS.iter().find(|(of, _)| *of == option).map(|(_, fields)| *fields);
    let values = |names: &[&str]| -> Option<Vec<String>> {
        names.iter().map(|name| Some(of_code(field(options, name)?, option))).collect()
    };
    values(other.unwrap_or(&[name]))
}

/// The guide's options, each with its default.
fn in_guide(page: &str) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for option in cells[1].split('`').skip(1).step_by(2) {
            options.insert(option.to_owned(), plain(cells[2]));
        }
    }
    options
}

#[test]
fn each_option_has_the_same_default_in_the_code_the_header_and_the_guide() {
    let (header, page) = (read("include/ws4d.h"), read("docs/guide/options.md"));
    let (setters, rows) = (setters(&header), in_guide(&page));
    let options = format!("{:?}", Options::default());
    let mut wrong = Vec::new();
    for (option, Setter { defaults, numbers }) in &setters {
        let said = defaults.join(", ");
        if *numbers != 0 && defaults.len() != *numbers {
            wrong.push(format!("{option}: the header states no `Default:` for each of its numbers"));
        }
        if !defaults.is_empty() && in_code(&options, option).as_ref() != Some(defaults) {
            let found = in_code(&options, option);
            wrong.push(format!("{option}: {said} in the header, {found:?} in {options}"));
        }
        match rows.get(option) {
            None => wrong.push(format!("{option} has no row in the guide")),
            Some(row) if !defaults.is_empty() && *row != said => {
                wrong.push(format!("{option}: {said} in the header, {row} in the guide"));
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        rows.keys().filter(|row| !setters.contains_key(*row)).map(|row| format!("there is no option {row}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(setters.values().filter(|setter| !setter.defaults.is_empty()).count() > 20, "not understood");
}

#[test]
fn another_default_would_be_noticed() {
    let header = "/**\n * How long. Default: 30000.\n * More.\n */\nws_result ws_options_set_a_ms(ws_options *o, uint32_t ms);";
    let setters = setters(header);
    assert_eq!(
        (setters["a_ms"].defaults.as_slice(), setters["a_ms"].numbers),
        (&["30000".to_owned()][..], 1)
    );
    let options = "Options { b: 5, a: Some(30s), alpn: [\"http/1.1\"], c: None, compression: Compression { level: 1 } }";
    assert_eq!(in_code(options, "a_ms"), Some(vec!["30000".to_owned()]));
    assert_eq!(in_code(options, "compression"), Some(vec!["1".to_owned()]));
    assert_eq!(in_code(options, "alpn"), Some(vec![plain("\"http/1.1\"")]));
    assert_eq!(in_code(options, "d"), None);
    assert_eq!(in_guide("Words.\n| `a_ms`, `b` | 64 MiB | words |\n## Next")["a_ms"], "67108864");
}
