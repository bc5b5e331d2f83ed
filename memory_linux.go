package main

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A mapping is an address range that has the unchanged contents of the program's
// file: machine code, or constants and the tables about the code.
type mapping struct{ from, to uintptr }

// fileMappings returns the mappings of the program's file, or nil if they are
// unknown.
func fileMappings() []mapping {
	smaps, _ := os.ReadFile("/proc/self/smaps")
	return mappingsAround(string(smaps), reflect.ValueOf(fileMappings).Pointer())
}

// mappingsAround returns the mappings of the file that has the code at an address.
// It leaves out what can be written to or differs from the file, as in a packed
// program, which has unpacked itself into memory: there is nothing to load that
// from again.
func mappingsAround(smaps string, code uintptr) (found []mapping) {
	all := parseMappings(smaps)
	i := slices.IndexFunc(all, func(m fileMapping) bool { return m.from <= code && code < m.to })
	if i < 0 {
		return nil
	}
	for _, m := range all {
		isReadOnly := m.permissions == "r-xp" || m.permissions == "r--p"
		isUnchanged := m.file != "" && !m.changed
		if isReadOnly && isUnchanged && m.file == all[i].file {
			found = append(found, m.mapping)
		}
	}
	return found
}

// A fileMapping is a mapping in /proc/self/smaps.
type fileMapping struct {
	mapping
	permissions string
	file        string // its name; "" for none
	changed     bool   // has pages that differ from the file
}

// parseMappings parses /proc/self/smaps, in which each mapping has a line such as
// "00010000-00300000 r-xp 00000000 b3:02 1234 /opt/iscbot" and then one for each
// property, such as "Anonymous: 4 kB".
func parseMappings(smaps string) (all []fileMapping) {
	for line := range strings.Lines(smaps) {
		columns := strings.Fields(line)
		if len(columns) == 3 && columns[0] == "Anonymous:" && len(all) > 0 {
			all[len(all)-1].changed = columns[1] != "0"
			continue
		}
		if len(columns) < 5 {
			continue
		}
		first, last, _ := strings.Cut(columns[0], "-")
		from, err := strconv.ParseUint(first, 16, strconv.IntSize)
		to, err2 := strconv.ParseUint(last, 16, strconv.IntSize)
		if err != nil || err2 != nil {
			continue
		}
		m := fileMapping{mapping: mapping{uintptr(from), uintptr(to)}, permissions: columns[1], changed: true}
		if len(columns) > 5 && strings.HasPrefix(columns[5], "/") {
			m.file = strings.Join(columns[5:], " ")
		}
		all = append(all, m)
	}
	return all
}

// release takes a mapping out of the resident memory, as most of it is needed only
// at the start, for a chart or for a reset. It stays in the system's file cache, from
// where what is needed again comes back without being read from the disk.
func (m mapping) release() {
	syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED) // best effort
}
