// Package api is a client of a server's JSON API (/api/v1), as the commands and
// the benchmark use it. Package gateway/ui documents the API.
//
// Errors carry the class that the server's code word stands for, and its hint,
// see Error. A server that cannot be reached is a base.ClassUnavailable error.
package api
