package portcullis.images

import data.lib.portcullis as lib

pass if lib.exempt

pass if lib.unchanged

found := [] if pass

found := array.concat(
	[sprintf("%s has no digest", [e.at]) | some e in lib.all; undigested(e.c)],
	[sprintf("%s comes from elsewhere", [e.at]) | some e in lib.all; not ours(e.c)],
) if not pass

undigested(c) if {
	count(lib.params.requireDigest) > 0
	not regex.match(`^[^@]+@sha256:[a-f0-9]{64}$`, lib.field(c, "image", ""))
}

ours(c) if {
	some registry in lib.params.registries
	startswith(c.image, concat("", [registry, "/"]))
}

ours(c) if lib.repository(c.image) in lib.params.registries

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
