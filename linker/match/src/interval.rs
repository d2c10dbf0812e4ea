//! The interval of a share.

/// The 95% interval of a share among `n` that are independent, after Wilson (Probable Inference, the Law
/// of Succession, and Statistical Inference, 1927). It stays inside 0..1, is honest at the ends, and
/// holds the share itself; of nothing, it is everything.
#[must_use]
pub fn wilson(share: f64, n: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = 1.96 * 1.96;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt() * 1.96 / (1.0 + z2 / n);
    let (low, high) = (middle - spread, middle + spread);
    (low.clamp(0.0, share), high.clamp(share, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_interval() {
        let (low, high) = wilson(0.9, 100.0);
        assert!((low - 0.8256).abs() < 1e-3 && (high - 0.9448).abs() < 1e-3);
        let (low, high) = wilson(1.0, 100.0);
        assert!(low > 0.96 && high >= 1.0);
        let (low, high) = wilson(1.0, 0.0);
        assert!(low <= 0.0 && high >= 1.0);
    }
}
