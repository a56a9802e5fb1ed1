// What suites read that is not in this repository, with its checksums in go.sum: `go mod download` fetches it.
module portcullis.invalid/peers

go 1.24.6

require github.com/corazawaf/libinjection-go v0.2.3
