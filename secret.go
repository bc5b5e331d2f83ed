package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// A secret is a token or a password. It prints as asterisks. In an unexported
// field, where package fmt cannot call its methods, it prints as a pointer,
// which fmt does not follow.
type secret struct{ text *string }

// newSecret returns text as a secret; for "", the zero value, which means none.
func newSecret(text string) secret {
	if text == "" {
		return secret{}
	}
	return secret{&text}
}

// reveal returns the text of the secret.
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

// readSecret returns the secret in the environment variable called name, or in
// the file that the variable name_FILE names. If neither is set, the secret is
// empty.
func readSecret(name string) (secret, error) {
	if s := os.Getenv(name); s != "" {
		return newSecret(strings.TrimRight(s, "\r\n")), nil
	}
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return secret{}, nil
	}
	text, err := readTextFile(path)
	if err != nil {
		return secret{}, fmt.Errorf("%s_FILE: %w", name, err)
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return secret{}, fmt.Errorf("%s_FILE: %s is empty", name, path)
	}
	if strings.ContainsAny(text, "\r\n") {
		return secret{}, fmt.Errorf("%s_FILE: %s has more than one line: want the secret alone", name, path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&0o004 != 0 {
		slog.Warn("everybody on this machine can read a secret: chmod 600 the file", "file", path)
	}
	return newSecret(text), nil
}
