package portcullis.external_ips

import data.lib.portcullis as lib

addresses := lib.field(lib.field(lib.review.object, "spec", {}), "externalIPs", [])

default old_addresses := []

old_addresses := lib.field(lib.field(lib.review.oldObject, "spec", {}), "externalIPs", []) if lib.update

found := [] if lib.exempt

found := [sprintf("address %s", [address]) |
	some address in addresses
	not address in lib.params.allowed
	not address in old_addresses
] if not lib.exempt

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
