//! Figures of many, and how people say them.

use std::time::Duration;

/// The middle of some figures.
#[must_use]
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The times (microseconds) that these shares of all do not exceed.
#[must_use]
pub fn percentiles<const N: usize>(times: &[Duration], shares: [f64; N]) -> Option<[f64; N]> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = |share: f64| {
        let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len());
        sorted[index - 1].as_secs_f64() * 1e6
    };
    (!sorted.is_empty()).then(|| shares.map(at))
}

/// Microseconds, as people say them.
#[must_use]
pub fn time(micros: f64) -> String {
    let (figure, unit) = match micros {
        small if small < 999.5 => (small, "µs"),
        middle if middle < 999_500.0 => (middle / 1e3, "ms"),
        large => (large / 1e6, "s"),
    };
    let digits = usize::from(figure < 9.95 && figure.fract() > 0.04);
    format!("{figure:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_middle() {
        for (figures, expected) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ] {
            assert_eq!(median(figures), expected);
        }
    }

    #[test]
    fn finds_percentiles() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_micros).collect();
        assert_eq!(percentiles(&times, [0.5, 0.99, 1.0]), Some([50.0, 99.0, 100.0]));
        assert_eq!(percentiles(&[], [0.5]), None);
    }

    #[test]
    fn says_times() {
        for (micros, expected) in [
            (9.84, "9.8 µs"),
            (10.0, "10 µs"),
            (99.6, "100 µs"),
            (1000.0, "1 ms"),
            (5261.0, "5.3 ms"),
            (2e6, "2 s"),
        ] {
            assert_eq!(time(micros), expected);
        }
    }
}
