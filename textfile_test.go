package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Text returns a text in UTF-16 with its byte order mark.
func utf16Text(text string, order binary.AppendByteOrder) string {
	var data []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		data = order.AppendUint16(data, unit)
	}
	return string(data)
}

func TestReadTextFile(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		want string
		err  string
	}{
		"UTF-8":                      {data: "Zürich\r\n", want: "Zürich\r\n"},
		"UTF-8 with a mark":          {data: "\ufeffZürich", want: "Zürich"},
		"UTF-16, little endian":      {data: utf16Text("清华 🏁", binary.LittleEndian), want: "清华 🏁"},
		"UTF-16, big endian":         {data: utf16Text("清华 🏁", binary.BigEndian), want: "清华 🏁"},
		"UTF-16, cut off":            {data: "\xff\xfea\x00b", want: "a\ufffd"},
		"UTF-16, half a pair":        {data: "\xff\xfe\x3c\xd8a\x00", want: "\ufffda"},
		"Windows-1252 stays":         {data: "Z\xfcrich", want: "Z\xfcrich"},
		"empty":                      {},
		"a mark alone":               {data: "\xff\xfe"},
		"UTF-16 without a mark":      {data: "1\x00,\x00", err: "f: not a text file, as it contains NUL bytes"},
		"UTF-32":                     {data: "\xff\xfe\x00\x001\x00\x00\x00", err: "NUL bytes"},
		"the largest":                {data: strings.Repeat("x", maxTextFile), want: strings.Repeat("x", maxTextFile)},
		"too large":                  {data: strings.Repeat("x", maxTextFile+1), err: "f: larger than 1 MiB"},
		"a mark inside stays for it": {data: "a\ufeffb", want: "a\ufeffb"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "f", tt.data)
			got, err := readTextFile(path)
			if (err != nil) != (tt.err != "") || got != tt.want {
				t.Errorf("got %q, %v", shorten(got, 60), err)
			}
			wants(t, fmt.Sprint(err), tt.err)
		})
	}
}

// TestNotRegular also shows that a pipe without a writer does not block.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, dir, os.DevNull} {
		_, err := readTextFile(path)
		if err == nil || err.Error() != path+": not a regular file" {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestSplitLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":             {""},
		"a":            {"a"},
		"a\nb\n":       {"a", "b", ""},
		"a\r\nb\r\n":   {"a", "b", ""},
		"a\rb\r":       {"a", "b", ""},
		"a\r\rb\n\r\n": {"a", "", "b", "", ""},
	} {
		if got := splitLines(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc..."},
		{"äöüß", 3, "äöü..."},
		{"\xff\xfe\xfd", 2, "\xff\xfe..."},
		{"a", 0, "..."},
	} {
		if got := shorten(tt.s, tt.n); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q", tt.s, tt.n, got)
		}
	}
}

func TestJoinErrors(t *testing.T) {
	errs := make([]error, 12)
	for i := range errs {
		errs[i] = fmt.Errorf("mistake %d", i+1)
	}
	if err := joinErrors("f", nil); err != nil {
		t.Errorf("got %v without a mistake", err)
	}
	text := joinErrors("f", errs[:10]).Error()
	if strings.Contains(text, "more") || !strings.HasSuffix(text, "mistake 10") {
		t.Errorf("got %q", text)
	}
	err := joinErrors("f", errs)
	if text = err.Error(); !strings.HasSuffix(text, "mistake 10\nf: and 2 more") {
		t.Errorf("got %q", text)
	}
	if !errors.Is(err, errs[9]) || errs[10].Error() != "mistake 11" {
		t.Error("the mistakes are not wrapped, or were overwritten")
	}
}

func FuzzDecodeText(f *testing.F) {
	f.Add("101,清华 🏁\r\n")
	f.Add("\xff\xfe1\x00,\x00")
	f.Fuzz(func(t *testing.T, data string) {
		text, err := decodeText([]byte(data))
		if err == nil && strings.Contains(text, "\x00") {
			t.Errorf("%q: NUL in %q", data, text)
		}
		if !utf8.ValidString(data) || strings.Contains(data, "\x00") {
			return
		}
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			if text, err := decodeText([]byte(utf16Text(data, order))); text != data || err != nil {
				t.Errorf("%q in UTF-16 %v: got %q, %v", data, order, text, err)
			}
		}
	})
}
