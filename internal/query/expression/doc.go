// Package expression is the language of span filters: a small tree of
// operators over references and constants, its rules, its JSON form and its
// text form. It knows neither how spans are stored nor how filters travel;
// search lowers the tree to predicates on columns, gateways build it.
package expression
