//! Features as small numbers: which part of what the feature's values cover they lie in.

use super::Row;

/// Parts that a feature's values are cut into, at most (count): more find no better splits here.
pub(super) const BINS: usize = 64;

/// Rows of small numbers.
pub(super) struct Binned {
    /// The small numbers of the first row, then those of the next.
    cells: Vec<u8>,
    /// Of each column, the highest value of each part but the last.
    limits: Vec<Vec<f32>>,
}

impl Binned {
    pub(super) fn new(rows: &[Row<'_>], columns: usize) -> Self {
        let limits: Vec<Vec<f32>> = (0..columns).map(|column| limits(rows, column)).collect();
        let mut cells = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            let of_row = row.features.iter().zip(&limits);
            cells.extend(of_row.map(|(value, limits)| limits.partition_point(|limit| limit < value) as u8));
        }
        Self { cells, limits }
    }

    pub(super) fn columns(&self) -> usize {
        self.limits.len()
    }

    pub(super) fn rows(&self) -> usize {
        self.cells.len() / self.columns().max(1)
    }

    pub(super) fn row(&self, index: u32) -> &[u8] {
        let start = index as usize * self.columns();
        &self.cells[start..start + self.columns()]
    }

    /// What values of these parts and those before are at most.
    pub(super) fn limit(&self, column: usize, bin: usize) -> f32 {
        self.limits[column][bin]
    }
}

/// Limits halfway between values, so that about equally many rows lie between each two.
fn limits(rows: &[Row<'_>], column: usize) -> Vec<f32> {
    let mut values: Vec<f32> = rows.iter().map(|row| row.features[column]).collect();
    values.sort_unstable_by(f32::total_cmp);
    let mut limits: Vec<f32> = Vec::new();
    for nth in 1..BINS {
        let Some(value) = values.get(nth * values.len() / BINS) else { break };
        let next = values.partition_point(|it| it <= value);
        let Some(next) = values.get(next) else { break };
        let limit = value + (next - value) / 2.0;
        // Of two values without a number between them, the lower one.
        let limit = if limit < *next { limit } else { *value };
        if limits.last().is_none_or(|last| *last < limit) {
            limits.push(limit);
        }
    }
    // Values that few rows have come after the last quantile: whether there are any is worth asking.
    if let (Some(lowest), None) = (values.first(), limits.first()) {
        let next = values.partition_point(|it| it <= lowest);
        limits.extend(values.get(next).map(|next| lowest + (next - lowest) / 2.0).filter(|it| it > lowest));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_quantiles() {
        for (values, expected) in [
            (vec![], vec![]),
            (vec![3.0; 100], vec![]),
            ([vec![0.0; 50], vec![1.0; 50]].concat(), vec![0.5]),
            // One in a thousand.
            ([vec![0.0; 999], vec![1.0]].concat(), vec![0.5]),
        ] {
            let features: Vec<[f32; 1]> = values.iter().map(|value| [*value]).collect();
            let rows: Vec<Row<'_>> =
                features.iter().map(|features| Row { features, hostile: false, start: 0.0 }).collect();
            assert_eq!(limits(&rows, 0), expected, "{values:?}");
        }
    }

    #[test]
    fn many_values_fill_all_parts() {
        let features: Vec<[f32; 1]> = (0..10_000).map(|value| [value as f32]).collect();
        let rows: Vec<Row<'_>> =
            features.iter().map(|features| Row { features, hostile: false, start: 0.0 }).collect();
        let binned = Binned::new(&rows, 1);
        assert_eq!(binned.limits[0].len(), BINS - 1);
        assert_eq!((binned.row(0), binned.row(9_999), binned.rows()), (&[0][..], &[63][..], 10_000));
    }
}
