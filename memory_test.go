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
