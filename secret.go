package main

import (
	"fmt"
	"io"
)

// A secret is a token or a password. It prints as asterisks, whatever prints
// it. Within another value, where package fmt cannot call its methods, it
// prints as a pointer, which fmt does not follow there.
type secret struct{ text *string }

// newSecret returns a secret; "" makes the zero value, which is none.
func newSecret(text string) secret {
	if text == "" {
		return secret{}
	}
	return secret{&text}
}

// reveal returns the secret itself.
func (s secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String implements fmt.Stringer, for code that builds texts without fmt.
func (secret) String() string { return "*****" }

// Format implements fmt.Formatter for all verbs.
func (s secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }
