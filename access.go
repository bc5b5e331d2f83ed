package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// An accessList holds the IDs of those who may reset peaks and are alerted: at
// most one group, with all its members, and any number of users.
type accessList struct {
	path      string // "" without a file
	needGroup bool   // alerts go to the group, so the list must have one

	mu      sync.Mutex // guards the fields below
	entries accessEntries
	moved   map[int64]int64 // old to new ID of groups that became supergroups
}

// accessEntries are the contents of an access list.
type accessEntries struct {
	group int64 // 0 for none
	topic int64 // of the group, for alerts; 0 for none
	users []int64
}

const accessFormat = `want one chat ID on each line, the group's first if there is one:
	-1001234567890  # the officials' group
	424242424       # Ann`

// newAccessList returns a list without a file. A group of 0 means none.
func newAccessList(group int64, users ...int64) *accessList {
	return &accessList{entries: accessEntries{group: group, users: users}}
}

// loadAccess reads the access list from a file. On error it also returns an
// empty list, which a later reload can fill.
func loadAccess(path string) (*accessList, error) {
	a := &accessList{path: path}
	text, err := readTextFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s: no such file: %s", path, accessFormat)
	}
	if err != nil {
		return a, err
	}

	a.entries, err = parseAccess(path, text)
	return a, err
}

// checkGroup returns an error if the list must have a group but has none.
func (a *accessList) checkGroup() error {
	if group, _ := a.group(); a.needGroup && group == 0 {
		return fmt.Errorf("-notify group: %s has no group: want its ID, such as -1001234567890, on the first line",
			a.path)
	}
	return nil
}

// reload rereads the file. On error the list is unchanged.
func (a *accessList) reload() error {
	if a.path == "" {
		return nil
	}
	if _, err := os.Stat(a.path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file", a.path)
	}
	fresh, err := loadAccess(a.path)
	if err != nil {
		return err
	}
	fresh.needGroup = a.needGroup
	if err := fresh.checkGroup(); err != nil {
		return err
	}

	entries := fresh.entries
	a.mu.Lock()
	defer a.mu.Unlock()
	for to, ok := a.moved[entries.group]; ok; to, ok = a.moved[entries.group] {
		entries.group = to
	}
	a.entries = entries
	return nil
}

// canReset reports whether a user may reset peaks from a chat: a listed user
// may from any chat, anybody from the listed group. Nothing else decides this.
//
// The caller must have checked that the user is a person who acts under their
// own name: not a bot, a channel, an anonymous admin or Telegram itself, and not
// the author of a forwarded message.
func (a *accessList) canReset(user, chat int64) bool {
	if user <= 0 {
		return false
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	inGroup := a.entries.group != 0 && chat == a.entries.group
	return inGroup || slices.Contains(a.entries.users, user)
}

// group returns the ID of the group and of its topic for alerts. Each is 0 if
// there is none.
func (a *accessList) group() (id, topic int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.entries.group, a.entries.topic
}

// users returns the IDs of the users.
func (a *accessList) users() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.entries.users)
}

// chats returns the IDs of all chats of the list: the users' and the group's.
func (a *accessList) chats() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	chats := slices.Clone(a.entries.users)
	if a.entries.group != 0 {
		chats = append(chats, a.entries.group)
	}
	return chats
}

// migrate replaces the ID of the group when it becomes a supergroup, and keeps
// the new ID even if the file is read again and has the old one.
func (a *accessList) migrate(from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	areGroups := from < 0 && to < 0
	isOurs := areGroups && from == a.entries.group
	if !isOurs || from == to {
		return
	}

	if a.moved == nil {
		a.moved = make(map[int64]int64)
	}
	delete(a.moved, to) // the newest ID must not lead to another
	a.moved[from] = to
	a.entries.group = to
	slog.Warn("the group became a supergroup: put its new ID into the access list", "old", from, "new", to)
}

// LogValue implements slog.LogValuer.
func (a *accessList) LogValue() slog.Value {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slog.GroupValue(
		slog.Int64("group", a.entries.group),
		slog.Int64("topic", a.entries.topic),
		slog.Int("users", len(a.entries.users)))
}

// parseAccess returns the entries of an access list. Its error lists all
// mistakes.
func parseAccess(name, text string) (accessEntries, error) {
	var entries accessEntries
	var errs []error
	for i, line := range splitLines(text) {
		line, _, _ = strings.Cut(strings.Map(plainIDRune, line), "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if err := entries.add(line); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %q: %w", name, i+1, shorten(line, 60), err))
		}
	}

	if errs != nil {
		return accessEntries{}, joinErrors(name, errs)
	}
	return entries, nil
}

// add adds the entry of one line: a user's ID, or the group's with or without a
// topic.
func (e *accessEntries) add(line string) error {
	idText, topicText, hasTopic := strings.Cut(line, "/")
	id, ok := parseID(idText)
	switch {
	case isUsername(line):
		return errors.New("want a number: let the person send /reset to the bot, which answers with their ID")
	case !ok:
		return errors.New("want one chat ID, such as 424242424, and anything else after a #")
	case id > 0 && hasTopic:
		return errors.New("want a user's ID without a topic; only groups have topics, and their IDs begin with a minus")
	case id > 0:
		if !slices.Contains(e.users, id) {
			e.users = append(e.users, id)
		}
		return nil
	case e.group != 0:
		return fmt.Errorf("a second group after %d: want one group, and the users of this one by their own IDs",
			e.group)
	case len(e.users) > 0:
		return errors.New("a group after a user: want the group on the first line")
	}

	var topic int64
	if hasTopic {
		if topic, ok = parseID(topicText); !ok || topic < 0 {
			return fmt.Errorf("want the number of a topic after the slash, such as %d/42", id)
		}
	}
	if topic == 1 { // General, which must be omitted in the Bot API
		topic = 0
	}
	e.group, e.topic = id, topic
	return nil
}

// parseID parses an ID, which is never 0. It accepts only the canonical form.
func parseID(text string) (id int64, ok bool) {
	text = strings.TrimSpace(text)
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id != 0 && strconv.FormatInt(id, 10) == text
}

// isUsername reports whether a line has a username or a link instead of an ID.
func isUsername(line string) bool {
	line = strings.ToLower(line)
	return strings.HasPrefix(line, "@") || strings.Contains(line, "t.me/") ||
		strings.Contains(line, "telegram.") || strings.HasPrefix(line, "tg:")
}

// plainIDRune maps the variants of an ID's characters that come from pasting
// and from other keyboards to ASCII, and drops invisible characters.
func plainIDRune(r rune) rune {
	invisible := isPasteMark(r) || unicode.In(r, unicode.Bidi_Control, unicode.Join_Control)
	switch {
	case invisible:
		return -1
	case r >= '０' && r <= '９':
		return r - '０' + '0'
	case r == '／':
		return '/'
	case r == '＃':
		return '#'
	case isMinus(r):
		return '-'
	}
	return r
}

// isMinus reports whether r is a minus sign, a hyphen or a dash.
func isMinus(r rune) bool {
	switch r {
	case '-',
		'\u2010', // hyphen
		'\u2011', // non-breaking hyphen
		'\u2012', // figure dash
		'\u2013', // en dash
		'\u2014', // em dash
		'\u2212', // minus sign
		'\ufe58', // small em dash
		'\ufe63', // small hyphen-minus
		'\uff0d': // fullwidth hyphen-minus
		return true
	}
	return false
}
