package main

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"syscall"
)

// A codeRange is the address range of the program's machine code.
type codeRange struct{ from, to uintptr }

// loadedCode returns the address range of the program's machine code, or an empty
// one if it is unknown.
func loadedCode() codeRange {
	maps, _ := os.ReadFile("/proc/self/maps")
	return codeAt(string(maps), reflect.ValueOf(loadedCode).Pointer())
}

// codeAt returns the mapping that contains an address, if it is one of a file that
// cannot be written to. Otherwise it returns an empty range: a packed program has
// unpacked its code into memory, and there is no file to load it from again.
func codeAt(maps string, address uintptr) codeRange {
	for line := range strings.Lines(maps) { // such as "00010000-00300000 r-xp 00000000 b3:02 1234 /opt/iscbot"
		addresses, rest, _ := strings.Cut(line, " ")
		first, last, _ := strings.Cut(addresses, "-")
		from, err := strconv.ParseUint(first, 16, strconv.IntSize)
		to, err2 := strconv.ParseUint(last, 16, strconv.IntSize)
		code := codeRange{uintptr(from), uintptr(to)}
		isCode := err == nil && err2 == nil && strings.HasPrefix(rest, "r-xp") && strings.Contains(rest, " /")
		if isCode && code.from <= address && address < code.to {
			return code
		}
	}
	return codeRange{}
}

// release takes the code out of the resident memory, as most of it is needed only
// at the start, for a chart or for a reset. It stays in the system's file cache,
// from where code that runs again comes back without being read from the disk.
func (c codeRange) release() {
	if c.to > c.from {
		syscall.Syscall(syscall.SYS_MADVISE, c.from, c.to-c.from, syscall.MADV_DONTNEED) // best effort
	}
}
