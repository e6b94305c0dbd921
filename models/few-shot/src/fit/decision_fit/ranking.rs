//! How well two samples are told apart.

/// The share of pairs of a known and an unknown image in which the known one scores higher; ties
/// count half. `None` if there is no pair.
pub(super) fn auroc(known: &[f64], unknown: &[f64]) -> Option<f64> {
    let mut all: Vec<(f64, bool)> = known.iter().map(|&score| (score, true)).collect();
    all.extend(unknown.iter().map(|&score| (score, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut pairs = 0.0;
    let mut below = 0.0;
    for ties in all.chunk_by(|a, b| a.0 == b.0) {
        let known = ties.iter().filter(|(_, is_known)| *is_known).count() as f64;
        let unknown = ties.len() as f64 - known;
        pairs += known * (below + unknown / 2.0);
        below += unknown;
    }
    let total = known.len() as f64 * unknown.len() as f64;
    (total > 0.0).then(|| pairs / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_is_the_share_of_pairs_in_order() {
        assert_eq!(auroc(&[0.9, 0.4], &[0.5, 0.1]), Some(0.75));
        assert_eq!(auroc(&[0.5], &[0.5, 0.1]), Some(0.75), "a tie counts half");
        assert_eq!(auroc(&[], &[0.1]), None);
    }
}
