package portcullis.images

import data.lib.portcullis as lib

pass if lib.exempt

pass if lib.unchanged

found := [] if pass

# Images of containers, and those that are mounted as volumes; one that is not named is an empty one.
references := array.concat(
	[{"at": e.at, "image": lib.field(e.c, "image", "")} | some e in lib.all],
	[{"at": sprintf("volume %s", [v.name]), "image": lib.field(v.image, "reference", "")} |
		some v in lib.field(lib.pod_spec, "volumes", [])
		is_object(v.image)
	],
)

found := array.concat(
	[sprintf("%s has no digest", [r.at]) | some r in references; undigested(r.image)],
	[sprintf("%s comes from elsewhere", [r.at]) | some r in references; not ours(r.image)],
) if not pass

undigested(image) if {
	count(lib.params.requireDigest) > 0
	not regex.match(`^[^@]+@sha256:[a-f0-9]{64}$`, image)
}

ours(image) if {
	some registry in lib.params.registries
	startswith(image, concat("", [registry, "/"]))
}

ours(image) if lib.repository(image) in lib.params.registries

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
