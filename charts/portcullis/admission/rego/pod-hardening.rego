package portcullis.pod_hardening

import data.lib.portcullis as lib

pass if lib.exempt

pass if lib.unchanged

allowed(thing) if thing in lib.params.allow

# Each security context beside its place, the pod's own first.
contexts := array.concat(
	[{"at": "pod", "s": lib.field(lib.pod_spec, "securityContext", {})}],
	[{"at": e.at, "s": lib.field(e.c, "securityContext", {})} | some e in lib.all],
)

found := [] if pass

found := [one | some these in [
	[sprintf("pod: %s", [f]) |
		some f in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"]
		not allowed(f)
		lib.pod_spec[f] == true
	],
	[sprintf("volume %s: hostPath", [v.name]) |
		some v in lib.field(lib.pod_spec, "volumes", [])
		not allowed("hostPath")
		lib.field(v, "hostPath", "") != ""
	],
	[sprintf("%s: privileged", [e.at]) | some e in contexts; e.s.privileged == true],
	[sprintf("%s: allowPrivilegeEscalation", [e.at]) |
		some e in contexts
		not allowed("allowPrivilegeEscalation")
		e.s.allowPrivilegeEscalation == true
	],
	[sprintf("%s: procMount Unmasked", [e.at]) | some e in contexts; e.s.procMount == "Unmasked"],
	[sprintf("%s: seccomp Unconfined", [e.at]) | some e in contexts; e.s.seccompProfile.type == "Unconfined"],
	[sprintf("%s: AppArmor Unconfined", [e.at]) | some e in contexts; e.s.appArmorProfile.type == "Unconfined"],
	[sprintf("%s: hostProcess", [e.at]) | some e in contexts; e.s.windowsOptions.hostProcess == true],
	[sprintf("%s: capabilities", [e.at]) | some e in contexts; adds_capability(e.s)],
	[sprintf("%s: hostPort", [e.at]) |
		some e in lib.all
		not allowed("hostPort")
		host_port(e.c)
	],
]; some one in these] if not pass

adds_capability(context) if {
	some capability in lib.field(lib.field(context, "capabilities", {}), "add", [])
	not capability in lib.params.capabilities
}

host_port(c) if {
	some port in lib.field(c, "ports", [])
	not lib.field(port, "hostPort", 0) == 0
}

violation contains {"msg": lib.message(found), "details": {"found": found}} if count(found) > 0

# Never open by accident: what cannot be judged is refused.
violation contains {"msg": lib.params.message} if not is_array(found)
