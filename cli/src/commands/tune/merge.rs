//! Requests that one exception is to free.

use std::collections::BTreeMap;

use crate::narrowest::Narrowest;

/// What is to be freed by one exception: of which policy, what it excepts, and the requests.
pub(super) type Group<T> = (String, Narrowest, Vec<T>);

/// Makes one group of all that are about the same fields of the same path and have an indicator in common: they are
/// the same thing, of which rules and model see now more, now less.
pub(super) fn merged<T>(groups: BTreeMap<(String, Narrowest), Vec<T>>) -> Vec<Group<T>> {
    let mut places: BTreeMap<_, Vec<Group<T>>> = BTreeMap::new();
    for ((policy, narrowest), records) in groups {
        let place = (policy.clone(), narrowest.path.clone(), narrowest.fields.clone());
        add(places.entry(place).or_default(), (policy, narrowest, records));
    }
    places.into_values().flatten().collect()
}

fn add<T>(groups: &mut Vec<Group<T>>, mut added: Group<T>) {
    let overlapping: Vec<_> = groups.extract_if(.., |group| group.1.overlaps(&added.1)).collect();
    for (_, narrowest, records) in overlapping {
        added.1.include(narrowest);
        added.2.extend(records);
    }
    groups.push(added);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrowest::Field;

    #[test]
    fn joins_what_overlaps() {
        // Path, parameter, rules (0 is the model) and how many requests.
        let rows = [
            ("/a", "q", &[1, 2][..], 1),
            ("/a", "q", &[2, 3], 2),
            ("/a", "q", &[4], 4),
            ("/a", "r", &[2], 8),
        ];
        let more = [("/a", "q", &[0, 5][..], 16), ("/a", "q", &[0, 4], 32), ("/b", "q", &[1], 64)];
        let groups = rows.into_iter().chain(more).map(|(path, name, rules, count)| {
            let narrowest = Narrowest {
                path: path.into(),
                rules: rules.iter().copied().filter(|rule| *rule > 0).collect(),
                model: rules.contains(&0),
                fields: vec![Field::Parameter(name.into())],
            };
            (("p".to_owned(), narrowest), vec![(); count])
        });
        let found: Vec<_> = merged(groups.collect())
            .into_iter()
            .map(|(_, it, records)| (it.to_string(), records.len()))
            .collect();
        let expected = [
            (r#"paths: ["/a"], rules: [1,2,3], parameters: ["q"]"#, 3),
            (r#"paths: ["/a"], rules: [4,5], model: true, parameters: ["q"]"#, 52),
            (r#"paths: ["/a"], rules: [2], parameters: ["r"]"#, 8),
            (r#"paths: ["/b"], rules: [1], parameters: ["q"]"#, 64),
        ];
        assert_eq!(found, expected.map(|(text, count)| (text.to_owned(), count)));
    }
}
