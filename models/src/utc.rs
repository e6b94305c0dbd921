//! Points in time as text, in UTC.
//!
//! # Examples
//! ```
//! use models::utc;
//!
//! assert_eq!(utc::rfc3339(951_782_400_007), "2000-02-29T00:00:00.007Z");
//! assert_eq!(utc::minute(951_782_400_007), "2000-02-29 00:00");
//! ```

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// For people, such as `2026-11-30 13:15`; `ms` are milliseconds since 1970.
#[must_use]
pub fn minute(ms: u64) -> String {
    let [year, month, day] = date(ms / DAY_MS);
    let [hour, minute] = [ms / HOUR_MS % 24, ms / MINUTE_MS % 60];
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// As RFC 3339 has it, such as `2026-11-30T13:15:07.250Z`; `ms` are milliseconds since 1970.
#[must_use]
pub fn rfc3339(ms: u64) -> String {
    let [year, month, day] = date(ms / DAY_MS);
    let [hour, minute] = [ms / HOUR_MS % 24, ms / MINUTE_MS % 60];
    let [second, rest] = [ms / SECOND_MS % 60, ms % SECOND_MS];
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

/// Year, month and day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn date(days_since_1970: u64) -> [u64; 3] {
    // Years begin in March here: a leap day is the last day of its year, and eras of 400 years have
    // the same length.
    let days = days_since_1970 + 719_468;
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    [400 * era + year + u64::from(month <= 2), month, day_of_month]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_those_of_the_calendar() {
        // From `date --utc --date=@SECONDS`.
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_164_800, "2024-02-29 00:00"),
            (1_709_251_200, "2024-03-01 00:00"),
            (1_735_689_599, "2024-12-31 23:59"),
            (1_796_044_507, "2026-11-30 13:15"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            assert_eq!(minute(1000 * seconds), expected, "{seconds}");
        }
        assert_eq!(rfc3339(1_796_044_507_025), "2026-11-30T13:15:07.025Z");
    }

    #[test]
    fn each_day_is_followed_by_the_next_one() {
        let mut last = date(0);
        for days in 1..200_000 {
            let day = date(days);
            let is_next = day == [last[0], last[1], last[2] + 1]
                || day == [last[0], last[1] + 1, 1] && last[2] >= 28
                || day == [last[0] + 1, 1, 1] && last[1..] == [12, 31];
            assert!(is_next && day[2] <= 31, "{day:?} after {last:?}");
            last = day;
        }
    }
}
