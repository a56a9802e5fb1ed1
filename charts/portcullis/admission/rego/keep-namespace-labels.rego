package portcullis.keep_namespace_labels

import data.lib.portcullis as lib

labels := lib.field(lib.review.object.metadata, "labels", {})

old_labels := lib.field(lib.review.oldObject.metadata, "labels", {})

protected if lib.review.oldObject.metadata.name in lib.params.namespaceNames

protected if {
	some key in lib.params.selectLabel
	old_labels[key] == lib.params.selectValue
}

judged if {
	not lib.exempt
	lib.update
	protected
}

found := [] if not judged

found := array.concat(
	[sprintf("label %s is gone or changed", [key]) |
		some key in array.concat(lib.params.selectLabel, lib.params.guardedLabels)
		old_labels[key]
		not same(key)
	],
	[sprintf("label %s is set", [key]) |
		some key in lib.params.forbiddenLabels
		labels[key]
		not same(key)
	],
) if judged

same(key) if labels[key] == old_labels[key]

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
