//! Values after their transformations, each computed once in a phase.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::bytes::Bytes;
use super::pipeline::Pipeline;
use super::plan::Plan;

/// Transformed values of one phase.
///
/// The key is where the bytes lie, so `ARGS` and `ARGS_GET` share their results. That is sound
/// because only values which live as long as the phase are cached: those of the transaction and
/// those of the [`super::catalog::Catalog`], never `TX`. What the transformations before the last make of a
/// value lives as long, so pipelines that only differ in what changes nothing share the last one's result.
#[derive(Default)]
pub(super) struct Cache<'t> {
    results: HashMap<(usize, usize, u32), Bytes<'t>, BuildHasherDefault<AddressHasher>>,
}

impl<'t> Cache<'t> {
    /// `bytes`, which live as long as the phase, after all transformations of `pipeline`.
    pub(super) fn transform(&mut self, plan: &Plan, pipeline: Pipeline, bytes: &Bytes<'t>) -> Bytes<'t> {
        let Some((parent, transformation)) = plan.step(pipeline) else { return bytes.clone() };
        let key = |bytes: &Bytes<'_>, what| (bytes.as_ptr() as usize, bytes.len(), what);
        if let Some(result) = self.results.get(&key(bytes, pipeline.index())) {
            return result.clone();
        }
        if self.results.is_empty() {
            self.results.reserve(USUAL_COUNT);
        }
        let before = self.transform(plan, parent, bytes);
        let step = LAST_STEP | transformation as u32;
        let result = match self.results.get(&key(&before, step)) {
            Some(result) => result.clone(),
            None => before.transform(transformation, plan.unicode_map()),
        };
        self.results.insert(key(&before, step), result.clone());
        self.results.insert(key(bytes, pipeline.index()), result.clone());
        result
    }
}

/// `bytes` after all transformations of `pipeline`, kept nowhere.
pub(super) fn transform_once<'t>(plan: &Plan, pipeline: Pipeline, bytes: &Bytes<'t>) -> Bytes<'t> {
    match plan.step(pipeline) {
        Some((parent, transformation)) => {
            transform_once(plan, parent, bytes).transform(transformation, plan.unicode_map())
        }
        None => bytes.clone(),
    }
}

/// Tells a transformation from a pipeline in a key.
const LAST_STEP: u32 = 1 << 31;
/// Results of an ordinary request.
const USUAL_COUNT: usize = 56;

/// Mixes addresses and lengths, which the client does not choose.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio spreads near addresses over the upper bits; the rotation brings them down.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seclang::{self, MemoryFiles, Source};

    /// Pipelines with common prefixes, as in CRS.
    fn plan() -> Plan {
        let pipelines = [
            "t:lowercase",
            "t:urlDecodeUni",
            "t:urlDecodeUni,t:lowercase",
            "t:lowercase,t:removeNulls",
            "t:length",
        ];
        let rules = (1..).zip(pipelines).map(|(id, pipeline)| {
            format!("SecRule ARGS \"@rx x\" \"id:{id},phase:2,pass,nolog,t:none,{pipeline}\"\n")
        });
        let source = Source::text("test.conf", rules.collect::<String>());
        Plan::new(&seclang::load(vec![source], &MemoryFiles::default()).ruleset)
    }

    proptest! {
        #[test]
        fn gives_what_is_computed_without_it(
            values in prop::collection::vec("[a-cA-C%+0-4 ]{0,12}", 1..6),
            asks in prop::collection::vec((0_usize..6, 0_u32..5), 1..40),
        ) {
            let (plan, mut cache) = (plan(), Cache::default());
            for (value, rule) in asks {
                let bytes = Bytes::from(values[value % values.len()].as_bytes());
                let cached = cache.transform(&plan, plan.of(rule, 0), &bytes);
                let computed = transform_once(&plan, plan.of(rule, 0), &bytes);
                prop_assert_eq!(&*cached, &*computed);
            }
        }
    }
}
