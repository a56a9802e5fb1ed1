//! `status-ignored`: a status that no redirect has.

use super::super::draft::{Disruption, Draft};
use crate::Diagnostic;

pub(super) fn check(draft: &Draft, out: &mut Vec<Diagnostic>) {
    let (Disruption::Redirect(_), Some(status), Some(place)) =
        (&draft.disruption, draft.status, &draft.status_location)
    else {
        return;
    };
    if !matches!(status, 301 | 302 | 303 | 307) {
        out.push(
            Diagnostic::warning("status-ignored", format!("`{status}` is not the status of a redirect"))
                .at(place.clone(), "302 is sent")
                .help("write 301, 302, 303 or 307".to_owned()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rule;

    #[test]
    fn redirects_have_their_own_status() {
        for (status, expected) in [("404", vec!["status-ignored"]), ("301", vec![])] {
            check_rule(("ARGS", "@rx A", &format!("redirect:https://a.test/,status:{status}")), &expected);
        }
    }
}
