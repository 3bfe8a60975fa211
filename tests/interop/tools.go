//go:build tools

// Package interop holds other people's programs that `make interop` runs: named here so that go.mod pins them.
package interop

import _ "github.com/summerwind/h2spec/cmd/h2spec"
