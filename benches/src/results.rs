//! What was measured, kept in a file between runs, so that a case can be run again by itself.

use std::collections::BTreeMap;
use std::fs;

use crate::clients;

/// Under what the floor of the case beside this one is known in the results.
pub(crate) const BESIDE: &str = "raw-beside";

/// The spread of a figure above which its case is run again, and above which the report marks it.
pub(crate) const NOISY: f64 = 0.1;

/// What a case was run under.
pub(crate) struct Conditions {
    pub(crate) quick: bool,
    /// The share of the time that the machine was busy with something else, just before.
    pub(crate) busy: f64,
}

#[derive(Default)]
pub(crate) struct Results {
    /// By case, client, and what it is.
    values: BTreeMap<(String, String, String), Vec<f64>>,
}

impl Results {
    pub(crate) fn new() -> Results {
        Results::default()
    }

    pub(crate) fn load() -> Results {
        let mut results = Results::new();
        let text = fs::read_to_string(clients::folder().join("results.tsv")).unwrap_or_default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            if let [case, client, what, values] = fields[..] {
                for value in values.split(' ').filter_map(|value| value.parse().ok()) {
                    results.add(case, client, what, value);
                }
            }
        }
        results
    }

    pub(crate) fn save(&self) {
        let mut text = String::new();
        for ((case, client, what), values) in &self.values {
            let values: Vec<String> = values.iter().map(f64::to_string).collect();
            text += &format!("{case}\t{client}\t{what}\t{}\n", values.join(" "));
        }
        fs::write(clients::folder().join("results.tsv"), text).expect("the results are written");
    }

    pub(crate) fn add(&mut self, case: &str, client: &str, what: &str, value: f64) {
        self.values.entry((case.into(), client.into(), what.into())).or_default().push(value);
    }

    /// What an earlier run said of a case and a client, or of a case and all of them.
    pub(crate) fn forget(&mut self, case: &str, client: Option<&str>) {
        self.values.retain(|(of, by, _), _| of != case || client.is_some_and(|client| by != client));
    }

    pub(crate) fn note(&mut self, case: &str, conditions: &Conditions) {
        self.forget(case, Some("-"));
        self.add(case, "-", "quick", f64::from(u8::from(conditions.quick)));
        self.add(case, "-", "busy", conditions.busy);
    }

    /// The highest of a condition over all cases.
    pub(crate) fn worst(&self, condition: &str) -> f64 {
        let of = self.values.iter().filter(|((_, client, what), _)| client == "-" && what == condition);
        of.flat_map(|(_, values)| values).copied().fold(0.0, f64::max)
    }

    pub(crate) fn median(&self, case: &str, client: &str, what: &str) -> Option<f64> {
        let mut values = self.values.get(&(case.into(), client.into(), what.into()))?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len() % 2 == 1 {
            return Some(values[middle]);
        }
        Some((values[middle - 1] + values[middle]) / 2.0)
    }

    /// How far the middle half of the figures is spread, as a share of their median; `None` where there are fewer than three.
    pub(crate) fn spread(&self, case: &str, client: &str, what: &str) -> Option<f64> {
        let mut values = self.values.get(&(case.into(), client.into(), what.into()))?.clone();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (values.len() - 1) as f64;
            let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let median = at(0.5);
        (values.len() >= 3 && median > 0.0).then(|| (at(0.75) - at(0.25)) / median)
    }

    /// What is known of a case and a client, by name.
    pub(crate) fn of(&self, case: &str, client: &str) -> impl Iterator<Item = (&str, f64)> {
        self.values
            .iter()
            .filter(move |((of, by, _), _)| of == case && by == client)
            .filter_map(|((.., what), values)| Some((what.as_str(), *values.first()?)))
    }
}
