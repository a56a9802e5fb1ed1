//! The Dockerfile and the compose file: structure, as no test here has a Docker engine.

use std::process::Command;

use portcullis_tests::files::binary;
use portcullis_tests::helm::{Render, object, render};
use serde_json::Value;

use super::running::repository;

/// What the Dockerfile says of how the image is run.
pub(crate) struct Image {
    pub(crate) user: u64,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
}

impl Image {
    pub(crate) fn of_dockerfile() -> Self {
        let text = dockerfile();
        let last = |instruction: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
            lines.next_back().unwrap_or_else(|| panic!("{instruction}")).to_owned()
        };
        let words = |instruction: &str| serde_json::from_str(&last(instruction)).expect("an array of words");
        let user = last("USER");
        let (user, group) = user.split_once(':').expect("user and group");
        assert_eq!(user, group);
        Self { user: user.parse().expect("a number"), entrypoint: words("ENTRYPOINT"), command: words("CMD") }
    }
}

fn dockerfile() -> String {
    text("packaging/container/Dockerfile")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).expect("a file of the repository")
}

#[test]
fn images_are_by_digest() {
    let text = dockerfile();
    let arguments: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("ARG ")?.split_once('=')).collect();
    let stages: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("FROM ")?.split_once(" AS "))
        .map(|it| it.1)
        .collect();
    let digest = regex::Regex::new("^[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$").expect("a pattern");
    let images = text
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|it| it.split(' ').next().unwrap_or(it));
    for image in images {
        let name = image.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
        let image = name.map_or(image, |name| arguments.iter().find(|(it, _)| *it == name).expect("given").1);
        assert!(image == "scratch" || stages.contains(&image) || digest.is_match(image), "{image}");
    }
}

#[test]
fn the_image_is_put_together_by_the_script_that_tests_run() {
    let text = dockerfile();
    for script in ["build.sh", "rootfs.sh", "sbom.sh"] {
        assert!(text.contains(&format!("packaging/container/{script} ")), "{script}");
        assert!(repository("packaging/container").join(script).exists());
    }
    let last = text.rsplit("\nFROM ").next().expect("a stage");
    assert_eq!(
        last.lines()
            .filter(|line| line.starts_with("COPY") || line.starts_with("ADD") || line.starts_with("RUN"))
            .count(),
        1
    );
    assert!(last.contains("COPY --from=build /rootfs /\n"), "{last}");
}

/// What is left out of the build's context is no part of the workspace.
#[test]
fn the_build_gets_every_member_of_the_workspace() {
    let text = text("packaging/container/Dockerfile.dockerignore");
    let manifest = self::text("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).expect("members");
    for member in members.split('"').skip(1).step_by(2) {
        let top = member.split('/').next().expect("a name");
        assert!(text.lines().any(|line| line.strip_prefix('!') == Some(top)), "{top}");
    }
}

#[test]
fn the_user_is_the_charts() {
    let image = Image::of_dockerfile();
    assert_eq!((image.user, image.entrypoint[0].as_str()), (65532, "/usr/bin/portcullis"));
    let Some(objects) = render(Render::default()) else { return };
    let objects = objects.expect("the chart renders");
    let pod = &object(&objects, "Deployment", "").expect("a Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], image.user);
}

/// What confines the container without Kubernetes is what the chart asks for.
#[test]
fn compose_confines_as_the_chart_does() {
    let compose: Value = serde_saphyr::from_str(&text("packaging/container/compose.yaml")).expect("YAML");
    let service = &compose["services"]["portcullis"];
    let user = Image::of_dockerfile().user;
    assert_eq!(service["user"], format!("{user}:{user}"));
    assert_eq!(service["read_only"], true);
    assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
    assert_eq!(
        service["security_opt"],
        serde_json::json!(["no-new-privileges:true", "seccomp=./seccomp.json"])
    );
    assert!(repository("packaging/container/seccomp.json").exists());
    let tmp = service["tmpfs"][0].as_str().expect("text");
    assert!(tmp.starts_with("/tmp:size=") && tmp.contains("mode=1777") && tmp.contains("noexec"), "{tmp}");
    for bound in ["pids_limit", "mem_limit", "ulimits"] {
        assert!(!service[bound].is_null(), "{bound}");
    }
    for never in ["privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode"] {
        assert!(service[never].is_null(), "{never}");
    }
    let volumes = service["volumes"].as_array().expect("volumes");
    assert!(volumes.iter().all(|it| !it.as_str().expect("text").contains("docker.sock")));
    assert!(
        volumes.contains(&"./portcullis:/etc/portcullis:ro".into()),
        "a directory, which a change of a file is seen in"
    );
    assert!(
        compose["services"]["app"]["ports"].is_null(),
        "nobody reaches the application but by Portcullis"
    );
}

#[test]
fn composes_configuration_is_right_and_drains_in_time() {
    let file = repository("packaging/container/portcullis/portcullis.yaml");
    let output = Command::new(binary()).arg("check").arg(&file).output().expect("portcullis");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let seconds = |value: &Value| {
        value.as_str().and_then(|it| it.strip_suffix('s')?.parse::<u32>().ok()).expect("seconds")
    };
    let config: Value =
        serde_saphyr::from_str(&text("packaging/container/portcullis/portcullis.yaml")).expect("YAML");
    let compose: Value = serde_saphyr::from_str(&text("packaging/container/compose.yaml")).expect("YAML");
    assert!(
        seconds(&compose["services"]["portcullis"]["stop_grace_period"])
            > seconds(&config["drain"]["deadline"])
    );
}
