package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"
)

// maxTextFile is the largest file that is read as a whole, in bytes.
const maxTextFile = 1 << 20

// readTextFile returns the text of a small file: UTF-8, or UTF-16 with a byte
// order mark, which spreadsheets call Unicode text. It removes the mark.
func readTextFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // reading a pipe or a terminal would block
		return "", fmt.Errorf("%s: not a regular file", path)
	}

	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()

	data, err := io.ReadAll(io.LimitReader(f, maxTextFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxTextFile {
		return "", fmt.Errorf("%s: larger than 1 MiB: is it the right file?", path)
	}

	text, err := decodeText(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// decodeText decodes data in the encoding that its byte order mark indicates.
// Without a mark, it returns data unchanged.
func decodeText(data []byte) (string, error) {
	var text string
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		text = decodeUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		text = decodeUTF16(data[2:], binary.BigEndian)
	default:
		text = strings.TrimPrefix(string(data), "\ufeff")
	}

	if strings.ContainsRune(text, 0) {
		return "", errors.New("not a text file, as it contains NUL bytes: save it as UTF-8 text")
	}
	return text, nil
}

// decodeUTF16 decodes UTF-16. Invalid parts become U+FFFD, as does half a
// character at the end.
func decodeUTF16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, 0, len(data)/2+1)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	if len(data) > 0 {
		units = append(units, 0xfffd)
	}
	return string(utf16.Decode(units))
}

// splitLines returns the lines of a text, whose ends may be LF, CR LF or CR
// alone. There is at least one.
func splitLines(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

// isPasteMark reports whether r is an invisible character that comes with
// pasted text and means nothing in it: a zero-width space, word joiner, byte
// order mark or direction mark.
func isPasteMark(r rune) bool {
	return strings.ContainsRune("\u200b\u2060\ufeff\u200e\u200f\u061c", r)
}

// joinErrors joins the mistakes in a file as errors.Join does, but keeps only
// the first ten: in the wrong kind of file, every line is a mistake.
func joinErrors(name string, errs []error) error {
	const maxErrors = 10
	if len(errs) > maxErrors {
		errs = append(errs[:maxErrors:maxErrors], fmt.Errorf("%s: and %d more", name, len(errs)-maxErrors))
	}
	return errors.Join(errs...)
}
