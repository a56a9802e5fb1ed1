//! An evaluation of a corpus small enough for a test.

use transaction::Record;

use super::report::{About, Report};
use super::*;
use crate::Corpus;

/// Six sites, and attacks of two collections; every third attack is one that signatures find.
fn corpus() -> (Corpus, Vec<Origin>) {
    let (mut corpus, mut origins) = (Corpus::default(), Vec::new());
    let mut add = |json: String, id: String, site: String, stopped: bool| {
        assert!(corpus.add(&Record::from_json(json.as_bytes()).unwrap()), "{json}");
        let rules = if stopped { vec![7].into() } else { Box::default() };
        let signatures = Signatures { stopped, seconded: stopped, sure: stopped, severe: stopped, rules };
        origins.push(Origin { id: id.into(), site: site.into(), signatures });
    };
    for index in 0..240_usize {
        let (site, word) = (format!("site{}", index % 6), ["red", "blue", "green", "house"][index / 6 % 4]);
        let json = format!(
            r#"{{"url":"/s?q={word}+{word},+no%21","label":0,"site":"{site}","source":"own","family":"visit"}}"#
        );
        add(json, format!("o{index}"), site, index == 0);
    }
    for index in 0..120_usize {
        let source = ["left", "right"][index % 2];
        let attack = ["%27+or+1%3D{}+--+", "%3Cscript%3Ealert({})%3C/script%3E", "../../../etc/passwd{}"]
            [index % 3]
            .replace("{}", &index.to_string());
        let json = format!(
            r#"{{"url":"/s?q={attack}","label":1,"cluster":"c{}","source":"{source}","family":"f{}"}}"#,
            index % 12,
            index % 3
        );
        add(json, format!("a{index}"), String::new(), index % 3 == 0);
    }
    (corpus, origins)
}

#[test]
fn splits_by_site_and_cluster() {
    let (corpus, _) = corpus();
    for (split, expected) in [
        (Split::Folds(3), Ok(vec!["fold 1", "fold 2", "fold 3"])),
        (Split::Folds(1), Err("expected 2 to 100 parts")),
        (Split::Sources(vec!["left".into()]), Ok(vec!["left"])),
        (
            Split::Sources(vec!["lfet".into()]),
            Err("no source `lfet` in the data; there are `left`, `own`, `right`"),
        ),
        (Split::EachSource, Ok(vec!["left", "right"])),
    ] {
        match (split.parts(&corpus), expected) {
            (Ok(parts), Ok(names)) => {
                assert_eq!(parts.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), names, "{split:?}");
            }
            (Err(error), Err(message)) => assert!(error.to_string().contains(message), "{error}"),
            (found, expected) => panic!("{split:?}: {found:?}, expected {expected:?}"),
        }
    }
    let parts = Split::Folds(3).parts(&corpus).unwrap();
    let groups = |part: &Part| -> std::collections::BTreeSet<u64> {
        part.held.iter().map(|index| corpus.requests[*index].group).collect()
    };
    assert_eq!(parts.iter().map(|part| part.held.len()).sum::<usize>(), corpus.requests.len());
    assert!(groups(&parts[0]).is_disjoint(&groups(&parts[1])));
}

/// What a model might say: attacks are strange, but for a few, and ordinary requests are not.
fn judgements(corpus: &Corpus) -> Vec<Option<Judgement>> {
    let judge = |(index, request): (usize, &crate::Request)| {
        let margin = if request.hostile && index % 10 != 0 { 2.0 } else { -4.0 } + (index % 7) as f32 / 4.0;
        let confidence = if margin >= 0.0 { model::Confidence::Critical } else { model::Confidence::Low };
        let strangest = corpus.values_of(request).first().copied();
        Some(Judgement { margin, probability: model::sigmoid(margin), confidence, strangest })
    };
    corpus.requests.iter().enumerate().map(judge).collect()
}

#[test]
fn judges_what_was_held_out() {
    let (corpus, _) = corpus();
    let parts = Split::Folds(3).parts(&corpus).unwrap();
    let (judgements, models) = held_out(&corpus, &parts[..1], 1, &|_, _| {}).unwrap();
    let judged: Vec<_> = (0..judgements.len()).filter(|index| judgements[*index].is_some()).collect();
    assert_eq!(judged, parts[0].held);
    assert_eq!(models[0].trained, Some(corpus.requests.len() - judged.len()));
    let judged = judged.iter().map(|index| (corpus.requests[*index].hostile, judgements[*index].unwrap()));
    let (hostile, ordinary): (Vec<_>, Vec<_>) = judged.partition(|(hostile, _)| *hostile);
    let mean = |of: &[(bool, Judgement)]| of.iter().map(|it| it.1.margin).sum::<f32>() / of.len() as f32;
    assert!(mean(&hostile) > mean(&ordinary));
}

#[test]
fn counts_and_writes() {
    let (corpus, origins) = corpus();
    let judgements = judgements(&corpus);
    let figures = figures(&cases(&corpus, &origins, &judgements), Vec::new());
    let row = &figures.by_source.rows[0];
    assert_eq!((row.name.as_str(), row.hostile, row.requests, row.groups), ("left", true, 60, 6));
    let signatures = figures.totals.iter().find(|it| it.scope == "all").unwrap();
    assert_eq!(signatures.found.unwrap().stopped, 40);
    let wrong = signatures.false_positives.unwrap();
    assert_eq!(wrong.stopped, 1);
    // One request of one of six sites.
    assert!((wrong.weighted - 1.0 / 40.0 / 6.0).abs() < 1e-9);
    assert_eq!(figures.alarms[0].id, "o0");
    assert!(figures.misses.iter().all(|it| !it.excerpt.is_empty()) && !figures.misses.is_empty());
    assert!((figures.curves[0].area - 0.9).abs() < 0.1, "{:?}", figures.curves[0].area);
    writes(&figures);
}

/// All forms of a report say the same, and its HTML loads and runs nothing.
fn writes(figures: &Figures) {
    let about = About {
        command: "portcullis eval --data <a&b>".into(),
        split: "Held out by site and cluster.".into(),
        warnings: vec!["in-sample".into()],
        ..About::default()
    };
    let pictures = plot::pictures(figures).unwrap();
    let names: Vec<_> = pictures.iter().map(|it| it.name).collect();
    assert_eq!(names[..3], ["roc", "precision-recall", "scores"]);
    for picture in &pictures {
        assert!(picture.svg.contains("<text") && picture.svg.contains("currentColor"), "{}", picture.name);
    }
    let html = report::html(figures, &pictures, &about);
    for absent in ["<script", "http-equiv", "src=", "@import", "url(", "<a&b>"] {
        assert!(!html.contains(absent), "{absent}");
    }
    assert!(html.contains("&lt;a&amp;b&gt;") && html.contains("in-sample"));
    let text = report::text(figures, &about);
    assert!(text.contains("attacks stopped, %") && text.contains("signatures"), "{text}");
    let json = serde_json::to_value(Report { about: &about, figures }).unwrap();
    assert_eq!(json["figures"]["by_source"]["rows"][0]["name"], "left");
}

#[test]
fn one_class_is_no_reason_to_fail() {
    let (corpus, origins) = corpus();
    for hostile in [true, false] {
        let mut judgements = judgements(&corpus);
        let of_class = corpus.requests.iter().zip(&mut judgements);
        of_class
            .filter(|(request, _)| request.hostile != hostile)
            .for_each(|(_, judgement)| *judgement = None);
        let figures = figures(&cases(&corpus, &origins, &judgements), Vec::new());
        assert!(figures.headline().is_some_and(|total| total.found.is_some() == hostile));
        writes_without_curves(&figures);
    }
}

fn writes_without_curves(figures: &Figures) {
    let pictures = plot::pictures(figures).unwrap();
    assert!(pictures.iter().all(|it| it.name != "roc"));
    assert!(report::html(figures, &pictures, &About::default()).ends_with("</html>\n"));
}
