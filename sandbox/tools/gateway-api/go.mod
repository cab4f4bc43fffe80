module meshroll.local/sandbox/tools/gateway-api

go 1.25.0

// Only its files are used: the CRDs of the standard channel.
require sigs.k8s.io/gateway-api v1.2.1
