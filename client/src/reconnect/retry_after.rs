//! `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date.

use std::time::{Duration, SystemTime};

/// Returns the delay. A date is compared with the server's own clock, `date`, which is the answer's `Date`, or with
/// `now` if there is none. Returns `None` if the value is neither a number nor a date.
pub(super) fn parse(value: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is above any limit.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    let now = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
    // A date in the past means now.
    Some(moment.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 40);
        let seconds = |value, date| parse(value, date, now).map(|delay| delay.as_secs());
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds(" 0 ", None), Some(0));
        assert_eq!(seconds("99999999999999999999999", None), Some(u64::from(u32::MAX)));
        assert_eq!(seconds(DATE, None), Some(40));
        // The server's clock is an hour ahead of ours: by its own it asks for 7 seconds.
        assert_eq!(seconds(DATE, Some("Sun, 06 Nov 1994 08:49:30 GMT")), Some(7));
        assert_eq!(seconds(DATE, Some("Sun, 06 Nov 1994 08:50:00 GMT")), Some(0), "past");
        for neither in ["", "-1", "1.5", "soon", "Sun, 06 Nov", "12 seconds"] {
            assert_eq!(seconds(neither, None), None, "{neither}");
        }
    }
}
