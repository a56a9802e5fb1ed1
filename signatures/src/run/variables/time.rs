//! Variables of time, all in UTC: a verdict may not depend on where the machine stands.

use transaction::calendar::civil_from_days;

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
        Variable::TimeDay => civil_from_days(days).2.to_string(),
        Variable::TimeEpoch => seconds.to_string(),
        Variable::TimeHour => hour.to_string(),
        Variable::TimeMin => minute.to_string(),
        // As C's tm_mon does, ModSecurity counts months from 0.
        Variable::TimeMon => (civil_from_days(days).1 - 1).to_string(),
        Variable::TimeSec => second.to_string(),
        // 1 January 1970 was a Thursday, day 4 of a week that begins on Sunday.
        Variable::TimeWday => (days + 4).rem_euclid(7).to_string(),
        Variable::TimeYear => civil_from_days(days).0.to_string(),
        _ => return false,
    };
    out.push(Value::scalar(variable, text));
    true
}
