package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReleaseFile checks that code and constants that are not used leave the
// resident memory.
func TestReleaseFile(t *testing.T) {
	mappings := fileMappings()
	if len(mappings) == 0 {
		if smaps, _ := os.ReadFile("/proc/self/smaps"); strings.Contains(string(smaps), "Anonymous:") {
			t.Fatal("the program's file was not found")
		}
		t.Skip("no /proc/self/smaps, or one without properties, as in an emulator")
	}
	for _, m := range mappings {
		before := residentKB(t, m)
		m.release()
		if after := residentKB(t, m); after >= before {
			t.Errorf("of %d kB, %d kB are resident after their release", before, after)
		}
	}
}

// TestMappingsAround checks that nothing is released but what the program's file has
// too.
func TestMappingsAround(t *testing.T) {
	const (
		clean    = "\nRss:     4 kB\nAnonymous:      0 kB\nVmFlags: rd ex mr mw me\n"
		changed  = "\nRss:     4 kB\nAnonymous:      4 kB\n"
		code     = "00020000-00300000 r-xp 00010000 b3:02 1234                 /opt/my iscbot"
		constant = "00300000-00500000 r--p 00300000 b3:02 1234                 /opt/my iscbot"
		data     = "00500000-00600000 rw-p 00500000 b3:02 1234                 /opt/my iscbot"
		library  = "00700000-00800000 r-xp 00000000 b3:02 1235                 /lib/libc.so"
	)
	both := []mapping{{0x20000, 0x300000}, {0x300000, 0x500000}}
	for name, tt := range map[string]struct {
		smaps string
		want  []mapping
	}{
		"usual":               {code + clean + constant + clean + data + changed + library + clean, both},
		"deleted":             {code + " (deleted)" + clean + constant + " (deleted)" + clean, both},
		"relocated constants": {code + clean + constant + changed, both[:1]},
		"with a breakpoint":   {code + changed + constant + clean, both[1:]},
		"writable code":       {strings.Replace(code, "r-xp", "rwxp", 1) + clean + constant + clean, both[1:]},
		"another file":        {constant + clean + library + clean, nil},
		"unpacked":            {"00020000-00300000 r-xp 00000000 00:00 0" + clean + constant + clean, nil},
		"no file":             {"00020000-00300000 r-xp 00000000 00:00 0   [heap]" + clean, nil},
		"without properties":  {code + "\n" + constant + "\n", nil},
		"empty":               {"", nil},
		"garbage":             {"Anonymous: 0 kB\nx-y r-xp 0 0 0 /x\n- - - - -\n", nil},
	} {
		if got := mappingsAround(tt.smaps, 0x28000); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %x, want %x", name, got, tt.want)
		}
	}
}

// residentKB returns how much of a mapping is resident.
func residentKB(t *testing.T, m mapping) int {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	header := regexp.MustCompile(fmt.Sprintf(`(?m)^0*%x-(?:.*\n)+?Rss: +(\d+) kB`, m.from))
	found := header.FindSubmatch(smaps)
	if found == nil {
		t.Skip("/proc/self/smaps shows other addresses, as in an emulator")
	}
	kB, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kB
}
