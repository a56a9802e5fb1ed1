//! Variables of time, all in UTC: a verdict may not depend on where the machine stands.

use super::super::value::Value;
use super::Scene;
use crate::Variable;

/// Appends the value of `variable` if it is one of time.
pub(super) fn collect(variable: Variable, scene: Scene<'_>, out: &mut Vec<Value<'_>>) -> bool {
    let seconds = scene.now_us.div_euclid(1_000_000);
    let second_of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    let days = seconds.div_euclid(86_400);
    let text = match variable {
        Variable::Duration => (scene.now_us - scene.transaction.started_us).max(0).to_string(),
        Variable::Time => format!("{hour:02}:{minute:02}:{second:02}"),
        Variable::TimeDay => civil(days).2.to_string(),
        Variable::TimeEpoch => seconds.to_string(),
        Variable::TimeHour => hour.to_string(),
        Variable::TimeMin => minute.to_string(),
        // As C's tm_mon does, ModSecurity counts months from 0.
        Variable::TimeMon => (civil(days).1 - 1).to_string(),
        Variable::TimeSec => second.to_string(),
        // 1 January 1970 was a Thursday, day 4 of a week that begins on Sunday.
        Variable::TimeWday => (days + 4).rem_euclid(7).to_string(),
        Variable::TimeYear => civil(days).0.to_string(),
        _ => return false,
    };
    out.push(Value::scalar(variable, text));
    true
}

/// Year, month (from 1) and day of a day counted from 1 January 1970, in the Gregorian calendar.
///
/// Counts in eras of 400 years (146,097 days) and in years that begin in March, so that the leap day
/// is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_777, (2026, 11, 20)),
            (-1, (1969, 12, 31)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }
}
