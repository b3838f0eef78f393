//! A chart of one case: a bar for each client, the shortest first, ours in colour; drawn as SVG by hand.

use std::fmt::Write;

pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// A second, thinner bar: CPU time beside wall time.
    pub(crate) second: Option<f64>,
    pub(crate) group: String,
}

const WIDTH: f64 = 930.0;
const LEFT: f64 = 360.0;
const ROW: f64 = 26.0;
const TOP: f64 = 58.0;

/// Bars longer than this many times the median are cut, so that one slow client does not flatten the others.
const CUT: f64 = 4.0;

pub(crate) fn svg(title: &str, unit: &str, bars: &mut [Bar]) -> String {
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    let longest = bars.last().map_or(1.0, |bar| bar.value);
    let median = bars.get(bars.len() / 2).map_or(1.0, |bar| bar.value);
    let most = longest.min(median * CUT).max(f64::MIN_POSITIVE);
    let room = WIDTH - LEFT - 130.0;
    let length = |value: f64| (value / most).min(1.0) * room;
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="14" y="24" font-size="16" font-weight="600" fill="#1c2733">{}</text>
<text x="14" y="43" fill="#65717e">{}</text>
"##,
        escaped(title),
        escaped(unit)
    );
    for (n, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * n as f64;
        let (colour, pale, weight) = match bar.group.as_str() {
            "ours" => ("#0a7d55", "#84cdb1", "600"),
            "raw" => ("#1c2733", "#8b97a3", "400"),
            _ => ("#8fa9c4", "#cfdae6", "400"),
        };
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="end" font-weight="{weight}" fill="#1c2733">{}</text>"##,
            LEFT - 10.0,
            y + 14.0,
            escaped(&bar.name)
        );
        let thick = if bar.second.is_some() { 11.0 } else { 16.0 };
        rectangle(&mut svg, y + 2.0, length(bar.value), thick, colour);
        if let Some(second) = bar.second {
            rectangle(&mut svg, y + 14.0, length(second), 5.0, pale);
        }
        let cut = if bar.value > most { " (cut)" } else { "" };
        let said = match bar.second {
            Some(second) => format!("{} ({}){cut}", short(bar.value), short(second)),
            None => format!("{}{cut}", short(bar.value)),
        };
        let x = LEFT + length(bar.value) + 6.0;
        let _ = writeln!(svg, r##"<text x="{x:.1}" y="{}" fill="#1c2733">{said}</text>"##, y + 14.0);
    }
    svg + "</svg>\n"
}

fn rectangle(svg: &mut String, y: f64, width: f64, height: f64, colour: &str) {
    let width = width.max(1.0);
    let _ = writeln!(
        svg,
        r##"<rect x="{LEFT}" y="{y}" width="{width:.1}" height="{height}" rx="2" fill="{colour}"/>"##
    );
}

/// Three figures that count.
pub(crate) fn short(value: f64) -> String {
    match value {
        v if v.abs() < 0.0995 => format!("{v:.4}"),
        v if v.abs() < 9.995 => format!("{v:.3}"),
        v if v.abs() < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
