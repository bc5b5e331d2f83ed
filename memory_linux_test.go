package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestReleaseCode checks that code which is not running leaves the resident memory.
func TestReleaseCode(t *testing.T) {
	code := loadedCode()
	if code == (codeRange{}) {
		if _, err := os.Stat("/proc/self/maps"); err == nil {
			t.Fatal("the code was not found")
		}
		t.Skip("no /proc/self/maps")
	}
	before := residentKB(t, code)
	code.release()
	if after := residentKB(t, code); after >= before {
		t.Errorf("of %d kB of code, %d kB are resident after their release", before, after)
	}
}

// TestCodeAt checks that nothing is released but code of which the file has a copy.
func TestCodeAt(t *testing.T) {
	const other = "00010000-00020000 r--p 00000000 b3:02 1234 /opt/iscbot\n"
	for line, want := range map[string]codeRange{
		"00020000-00300000 r-xp 00010000 b3:02 1234                 /opt/iscbot":           {0x20000, 0x300000},
		"00020000-00300000 r-xp 00010000 b3:02 1234                 /opt/iscbot (deleted)": {0x20000, 0x300000},
		"00020000-00300000 r-xp 00000000 00:00 0":                                          {}, // unpacked into memory
		"00020000-00300000 r-xp 00000000 00:00 0                    [heap]":                {},
		"00020000-00300000 rwxp 00010000 b3:02 1234                 /opt/iscbot":           {},
		"00020000-00028000 r-xp 00010000 b3:02 1234                 /opt/iscbot":           {}, // elsewhere
		"": {},
	} {
		if got := codeAt(other+line+"\n", 0x28000); got != want {
			t.Errorf("%q: got %x, want %x", line, got, want)
		}
	}
}

// residentKB returns how much of the code is resident.
func residentKB(t *testing.T, code codeRange) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	mapping := regexp.MustCompile(fmt.Sprintf(`(?m)^0*%x-(?:.*\n)+?Rss: +(\d+) kB`, code.from))
	found := mapping.FindSubmatch(maps)
	if found == nil {
		t.Skip("/proc/self/smaps shows other addresses, as in an emulator")
	}
	kB, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kB
}
