//! A trained model as a file: what it was trained on, its thresholds and its weights.
//!
//! ```text
//! "portcullis model\n"  u32 header length  header (JSON)  stage 1: 65,536 i16  stage 2: 3 x n f32, trees, trees
//! SHA-256
//! ```
//! Trees are those of windows and those of runs, as [`crate::trees`] writes them. Numbers are little-endian. The hash is of everything before it. There is no code in a model: reading one
//! can fail, but not do anything.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Confidence;
use crate::ngram::BUCKETS;
use crate::stage2::{self, RUN_COUNT, WINDOW_COUNT};
use crate::trees::Trees;

/// The first bytes of every model.
const MAGIC: &[u8] = b"portcullis model\n";
/// The format this code reads and writes.
pub const VERSION: u32 = 2;
/// The longest model that is read (bytes).
pub const BYTES_MAX: usize = 512 << 10;
const HASH_BYTES: usize = 32;

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What is known about it.
    pub header: Header,
    /// Stage 1: one weight a bucket, to be multiplied with [`Header::stage1_scale`].
    pub stage1: Vec<i16>,
    /// Stage 2: the mean of each feature.
    pub means: Vec<f32>,
    /// Stage 2: one over the standard deviation of each feature.
    pub scales: Vec<f32>,
    /// Stage 2: the weight of each standardised feature.
    pub weights: Vec<f32>,
    /// Stage 2: what is added to a window's log-odds.
    pub window_trees: Trees,
    /// Stage 2: what is added to a run's log-odds.
    pub run_trees: Trees,
}

/// What is known about a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The format of the file.
    pub format: u32,
    /// Features of stage 2, in order.
    pub features: Vec<String>,
    /// What a weight of stage 1 is multiplied with.
    pub stage1_scale: f32,
    /// What a window without n-grams scores.
    pub stage1_bias: f32,
    /// What a view of average features scores.
    pub stage2_bias: f32,
    /// From which log-odds on a view is of which [`Confidence`].
    pub thresholds: Thresholds,
    /// Log-odds to probability.
    pub calibration: Calibration,
    /// What it was trained on.
    pub manifest: Vec<Source>,
    /// The seed of its training.
    pub seed: u64,
}

/// Log-odds from which on a value is of each confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// 0.5 % of ordinary requests are above.
    pub medium: f32,
    /// 0.05 % are.
    pub high: f32,
    /// 0.01 % are.
    pub critical: f32,
}

/// `probability = sigmoid(slope * log_odds + offset)` (Platt 1999).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// See the type.
    pub slope: f32,
    /// See the type.
    pub offset: f32,
}

/// A file of training data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, without directories.
    pub file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Ordinary requests in it.
    pub ordinary: usize,
    /// Attacks in it.
    pub hostile: usize,
}

/// Why bytes are not a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactError(String);

impl Artifact {
    /// Writes the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A header is numbers and text: it always serializes.
        let header =
            serde_json::to_vec(&Header { format: VERSION, ..self.header.clone() }).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend(self.stage1.iter().flat_map(|weight| weight.to_le_bytes()));
        for numbers in [&self.means, &self.scales, &self.weights] {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        self.window_trees.write(&mut bytes);
        self.run_trees.write(&mut bytes);
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is none, is damaged, was made for other features, or has numbers that are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let (content, hash) = split(bytes)?;
        if Sha256::digest(content)[..] != *hash {
            return Err(ArtifactError::new("its checksum is wrong: the file is damaged or was changed"));
        }
        let (header, rest) = read_header(content)?;
        let (stage1, rest) = rest.split_at_checked(BUCKETS * 2).ok_or_else(ArtifactError::too_short)?;
        let stage1 = stage1.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let (numbers, mut rest) =
            rest.split_at_checked(3 * stage2::COUNT * 4).ok_or_else(ArtifactError::too_short)?;
        let mut trees = |columns| {
            Trees::read(&mut rest, columns).map_err(|error| ArtifactError(format!("of its trees, {error}")))
        };
        let (window_trees, run_trees) = (trees(WINDOW_COUNT)?, trees(RUN_COUNT)?);
        if !rest.is_empty() {
            return Err(ArtifactError::new("it is longer than its parts"));
        }
        let mut numbers = numbers.chunks_exact(stage2::COUNT * 4).map(|part| {
            part.chunks_exact(4).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]])).collect()
        });
        let mut next = || -> Vec<f32> { numbers.next().unwrap_or_default() };
        let (means, scales, weights) = (next(), next(), next());
        let artifact = Self { header, stage1, means, scales, weights, window_trees, run_trees };
        artifact.check_numbers()?;
        Ok(artifact)
    }

    /// The confidence of these log-odds.
    #[must_use]
    pub fn confidence(&self, log_odds: f32) -> Confidence {
        let Thresholds { medium, high, critical } = self.header.thresholds;
        match log_odds {
            odds if odds >= critical => Confidence::Critical,
            odds if odds >= high => Confidence::High,
            odds if odds >= medium => Confidence::Medium,
            _ => Confidence::Low,
        }
    }

    fn check_numbers(&self) -> Result<(), ArtifactError> {
        let Header { stage1_scale, stage1_bias, stage2_bias, thresholds, calibration, .. } = &self.header;
        let of_header = [
            *stage1_scale,
            *stage1_bias,
            *stage2_bias,
            thresholds.medium,
            thresholds.high,
            thresholds.critical,
            calibration.slope,
            calibration.offset,
        ];
        let all = of_header.iter().chain(&self.means).chain(&self.scales).chain(&self.weights);
        if all.copied().any(|number| !number.is_finite()) {
            return Err(ArtifactError::new("one of its numbers is not finite"));
        }
        if !(thresholds.medium <= thresholds.high && thresholds.high <= thresholds.critical) {
            return Err(ArtifactError::new("its thresholds are not in order: medium <= high <= critical"));
        }
        Ok(())
    }
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), ArtifactError> {
    if bytes.len() > BYTES_MAX {
        return Err(ArtifactError::new("it is longer than 512 KiB"));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(ArtifactError::new("it does not begin as models do: `portcullis train` writes them"));
    }
    bytes.split_at_checked(bytes.len().saturating_sub(HASH_BYTES)).ok_or_else(ArtifactError::too_short)
}

fn read_header(content: &[u8]) -> Result<(Header, &[u8]), ArtifactError> {
    /// What every version's header has.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let rest = content.get(MAGIC.len()..).unwrap_or_default();
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(ArtifactError::too_short)?;
    let (text, rest) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(ArtifactError::too_short)?;
    let unreadable = |error: serde_json::Error| ArtifactError(format!("its header is unreadable: {error}"));
    let Format { format } = serde_json::from_slice(text).map_err(unreadable)?;
    if format != VERSION {
        return Err(ArtifactError(format!("it is of format {format}; this version reads format {VERSION}")));
    }
    let header: Header = serde_json::from_slice(text).map_err(unreadable)?;
    if header.features != stage2::names() {
        return Err(ArtifactError::new(
            "it was trained for other features than this version computes: train it again",
        ));
    }
    Ok((header, rest))
}

impl ArtifactError {
    fn new(why: &str) -> Self {
        Self(why.to_owned())
    }

    fn too_short() -> Self {
        Self::new("it ends too early")
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a model: {}", self.0)
    }
}

impl std::error::Error for ArtifactError {}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trees::Node;

    /// A model that finds `<` strange.
    pub(crate) fn sample() -> Artifact {
        let features = stage2::names();
        let mut weights = vec![0.0; stage2::COUNT];
        for (name, weight) in features.iter().zip(&mut weights) {
            if name == "count_<" {
                *weight = 4.0;
            }
        }
        Artifact {
            header: Header {
                format: VERSION,
                features,
                stage1_scale: 0.0001,
                stage1_bias: 0.0,
                stage2_bias: -1.0,
                thresholds: Thresholds { medium: 0.0, high: 1.0, critical: 2.0 },
                calibration: Calibration { slope: 1.0, offset: 0.0 },
                manifest: vec![Source {
                    file: "a.jsonl".into(),
                    sha256: "00".into(),
                    ordinary: 1,
                    hostile: 1,
                }],
                seed: 7,
            },
            stage1: (0..BUCKETS).map(|bucket| (bucket % 200) as i16).collect(),
            means: vec![0.0; stage2::COUNT],
            scales: vec![1.0; stage2::COUNT],
            weights,
            window_trees: trees(0),
            run_trees: Trees::default(),
        }
    }

    /// A tree that asks for a feature and adds nothing.
    fn trees(feature: usize) -> Trees {
        let mut trees = Trees::default();
        let split = Node::Split { feature: feature as u16, limit: 1.0, skip: 2 };
        trees.push(&[split, Node::Leaf(0.0), Node::Leaf(0.0)], feature + 1).unwrap();
        trees
    }

    #[test]
    fn round_trips() {
        let bytes = sample().to_bytes();
        assert!(bytes.len() < BYTES_MAX, "{}", bytes.len());
        assert_eq!(Artifact::from_bytes(&bytes).unwrap(), sample());
    }

    /// Writes a changed sample with a checksum that is right.
    fn changed(change: impl FnOnce(&mut Artifact)) -> Vec<u8> {
        let mut artifact = sample();
        change(&mut artifact);
        artifact.to_bytes()
    }

    #[test]
    fn says_what_is_wrong() {
        let bytes = sample().to_bytes();
        let damaged = [&bytes[..1000], b"!", &bytes[1001..]].concat();
        for (bytes, reason) in [
            (&b""[..], "does not begin as models do"),
            (b"portcullis model\n", "checksum is wrong"),
            (&damaged, "checksum is wrong"),
            (&bytes[..bytes.len() - 1], "checksum is wrong"),
            (&vec![0; BYTES_MAX + 1], "longer than 512 KiB"),
            (&changed(|it| it.header.features.truncate(3)), "other features"),
            (&changed(|it| it.weights[3] = f32::NAN), "not finite"),
            (&changed(|it| it.header.thresholds.high = 9.0), "not in order"),
            (&changed(|it| it.stage1.truncate(9)), "ends too early"),
            (&changed(|it| it.means.truncate(9)), "ends too early"),
            (&changed(|it| it.means.extend([0.0; 3])), "longer than its parts"),
            (&changed(|it| it.window_trees = trees(WINDOW_COUNT)), "of its trees, a tree asks for a feature"),
        ] {
            let message = Artifact::from_bytes(bytes).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}, expected {reason}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(tail in any::<Vec<u8>>()) {
            let _ = Artifact::from_bytes(&tail);
            let mut bytes = [MAGIC, &tail].concat();
            let hash = Sha256::digest(&bytes);
            bytes.extend(hash);
            prop_assert!(Artifact::from_bytes(&bytes).is_err());
        }
    }
}
