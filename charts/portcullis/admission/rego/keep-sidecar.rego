package portcullis.keep_sidecar

import data.lib.portcullis as lib

had_sidecar if {
	some c in lib.field(lib.old_pod_spec, "initContainers", [])
	lib.sidecar(c)
}

pass if lib.exempt

pass if not lib.update

pass if not had_sidecar

pass if count(lib.sidecars) > 0

found := [] if pass

found := [sprintf("init container %s is gone", [lib.params.sidecarName])] if {
	not pass
	count(lib.named) == 0
}

found := [sprintf("init container %s is another one", [lib.params.sidecarName])] if {
	not pass
	count(lib.named) > 0
}

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
