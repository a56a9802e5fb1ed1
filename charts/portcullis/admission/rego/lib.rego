package lib.portcullis

# What Gatekeeper asks about, and what all templates share. Fields may be missing or null; both mean the same.
params := input.parameters

review := input.review

field(map, key, _) := map[key] if map[key] != null

field(map, key, absent) := absent if object.get(map, key, null) == null

# The audit sends no operation: it judges what is there, as if it were new.
update if review.operation == "UPDATE"

exempt if field(field(review, "userInfo", {}), "username", "") in params.exemptUsers

exempt if {
	some group in field(field(review, "userInfo", {}), "groups", [])
	group in params.exemptGroups
}

pod_template(map) := map if review.kind.kind == "Pod"

pod_template(map) := map.spec.jobTemplate.spec.template if review.kind.kind == "CronJob"

pod_template(map) := field(field(map, "spec", {}), "template", {}) if not review.kind.kind in {"Pod", "CronJob"}

template := pod_template(review.object)

default old_template := {}

old_template := pod_template(review.oldObject) if update

pod_spec := field(template, "spec", {})

old_pod_spec := field(old_template, "spec", {})

labels := field(field(template, "metadata", {}), "labels", {})

old_labels := field(field(old_template, "metadata", {}), "labels", {})

# What was there before the policy, and is not changed, passes: a finalizer or a scale of an old object must not be stopped by it.
unchanged if {
	update
	pod_spec == old_pod_spec
	labels == old_labels
}

containers := field(pod_spec, "containers", [])

init_containers := field(pod_spec, "initContainers", [])

ephemeral_containers := field(pod_spec, "ephemeralContainers", [])

all := array.concat(
	[{"at": sprintf("container %s", [field(c, "name", "?")]), "c": c} | some c in containers],
	array.concat(
		[{"at": sprintf("init container %s", [field(c, "name", "?")]), "c": c} | some c in init_containers],
		[{"at": sprintf("ephemeral container %s", [field(c, "name", "?")]), "c": c} | some c in ephemeral_containers],
	),
)

repository(image) := regex.find_n(`^([^@/]*/)*[^:@/]*`, image, 1)[0]

named := [c | some c in init_containers; c.name == params.sidecarName]

own_command(c) if count(field(c, "command", [])) > 0

# A native sidecar of ours: an init container that stays, our image whatever its tag or digest, and our entry point.
sidecar(c) if {
	c.name == params.sidecarName
	field(c, "restartPolicy", "") == "Always"
	repository(field(c, "image", "")) in params.sidecarRepositories
	not own_command(c)
}

sidecars := [c | some c in init_containers; sidecar(c)]

matches_controller(these) if {
	some wanted in params.controllerLabels
	every key, value in wanted { these[key] == value }
}

message(found) := sprintf("%s Found: %s.", [params.message, concat(", ", found)]) if count(found) <= 10

message(found) := sprintf("%s Found: %d places, the first is: %s.", [params.message, count(found), found[0]]) if count(found) > 10
