package portcullis.require_sidecar

import data.lib.portcullis as lib

controller if lib.matches_controller(lib.labels)

controller if {
	some e in lib.all
	some image in lib.params.controllerImages
	endswith(concat("", ["/", lib.repository(lib.field(e.c, "image", ""))]), concat("", ["/", image]))
}

pass if lib.exempt

pass if lib.unchanged

pass if not controller

pass if count(lib.sidecars) > 0

found := [] if pass

found := [sprintf("container %s is an ordinary container", [lib.params.sidecarName])] if {
	not pass
	count(lib.named) == 0
	ordinary
}

found := [sprintf("no init container %s", [lib.params.sidecarName])] if {
	not pass
	count(lib.named) == 0
	not ordinary
}

found := [wrong(c) | some c in lib.named] if {
	not pass
	count(lib.named) > 0
}

ordinary if {
	some c in lib.containers
	c.name == lib.params.sidecarName
}

wrong(c) := sprintf("init container %s has no restartPolicy Always", [c.name]) if lib.field(c, "restartPolicy", "") != "Always"

else := sprintf("init container %s has a command of its own", [c.name]) if lib.own_command(c)

else := sprintf("init container %s has another image", [c.name])

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
