package portcullis.keep_controller_labels

import data.lib.portcullis as lib

taken_away if {
	not lib.exempt
	lib.update
	lib.matches_controller(lib.old_labels)
	not lib.matches_controller(lib.labels)
}

found := ["labels of an ingress controller are gone or changed"] if taken_away

found := [] if not taken_away

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
