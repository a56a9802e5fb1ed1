//! How sure a share is.

/// Wilson's interval (1927) at 95 % for `found` of `all`.
#[must_use]
pub fn wilson(found: usize, all: usize) -> (f64, f64) {
    wilson_share(found as f64 / all.max(1) as f64, all as f64)
}

/// The same for a share of `all` things, which need not be whole.
#[must_use]
pub fn wilson_share(share: f64, all: f64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if all <= 0.0 {
        return (0.0, 1.0);
    }
    let centre = share + Z * Z / (2.0 * all);
    let spread = Z * (share * (1.0 - share) / all + Z * Z / (4.0 * all * all)).sqrt();
    let scale = 1.0 + Z * Z / all;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn brackets_the_share() {
        for (found, all, low, high) in
            [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0), (0, 0, 0.0, 1.0)]
        {
            let interval = wilson(found, all);
            assert!((interval.0 - low).abs() < 1e-3 && (interval.1 - high).abs() < 1e-3, "{interval:?}");
        }
    }
}
