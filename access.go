package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// An access is the access list: who may reset peaks, and who is alerted.
type access struct {
	path      string // "" where there is no file
	needGroup bool   // the list must begin with a group, as the alerts go there

	mu    sync.Mutex      // guards what follows
	group int64           // id of the group whose members have access, in that group; 0 for none
	users []int64         // ids of the people who have access
	moved map[int64]int64 // new ids of groups that became supergroups
}

const accessForm = `wanted is one chat id a line, the group's first if there is one, for example:
	-1001234567890  # the officials' group
	424242424       # Ann`

// loadAccess reads the access list from a file. With an error it returns an empty list.
func loadAccess(path string) (*access, error) {
	a := &access{path: path}
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s: there is no such file: %s", path, accessForm)
	}
	if err != nil {
		return a, err
	}
	a.group, a.users, err = parseAccess(path, text)
	return a, err
}

// parseAccess returns the group at the head of an access list, or 0, and its users. Its errors name all mistakes.
func parseAccess(name, text string) (group int64, users []int64, err error) {
	var errs []error
	n, first := 0, true
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		id, err := strconv.ParseInt(line, 10, 64)
		switch {
		case err != nil || id == 0 || strconv.FormatInt(id, 10) != line:
			errs = append(errs, fmt.Errorf("%s:%d: %q: wanted is one chat id, such as 424242424", name, n, cut(line, 60)))
		case id < 0 && !first:
			errs = append(errs, fmt.Errorf("%s:%d: %d is a group's id: wanted are one group at most, in the first line, and users' ids", name, n, id))
		case id < 0:
			group = id
		case !slices.Contains(users, id):
			users = append(users, id)
		}
		first = false
	}
	if errs != nil {
		return 0, nil, joinFirst(name, errs)
	}
	return group, users, nil
}

// reload reads the file again; with a mistake in it the old list stays.
func (a *access) reload() error {
	if a.path == "" {
		return nil
	}
	fresh, err := loadAccess(a.path)
	if err == nil && a.needGroup && fresh.group == 0 {
		err = fmt.Errorf("%s: -notify group needs the group's id in the first line", a.path)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.group, a.users = fresh.group, fresh.users
	if to, ok := a.moved[a.group]; ok {
		a.group = to
	}
	return nil
}

// list returns the group, or 0, and the users.
func (a *access) list() (group int64, users []int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.group, slices.Clone(a.users)
}

// chats returns all chats of the list.
func (a *access) chats() []int64 {
	group, users := a.list()
	if group != 0 {
		users = append(users, group)
	}
	return users
}

// move follows a group that became a supergroup and has a new id.
func (a *access) move(from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.group == from && from != 0 {
		a.group = to
		if a.moved == nil {
			a.moved = make(map[int64]int64)
		}
		a.moved[from] = to
		slog.Warn("the group became a supergroup: put its new id into the access list", "old", from, "new", to)
	}
}

// LogValue implements slog.LogValuer.
func (a *access) LogValue() slog.Value {
	group, users := a.list()
	return slog.GroupValue(slog.Int64("group", group), slog.Int("users", len(users)))
}

// may reports whether from, writing or pressing a button in chat, is one of those who may reset peaks. This is the only
// place where that is decided. Bots are not: GroupAnonymousBot among them, behind which any admin may hide.
func (a *access) may(from *user, chat chat) bool {
	if from == nil || from.IsBot || from.ID == telegramService {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.users, from.ID) || a.group != 0 && chat.ID == a.group
}

// mayWrite is may for the sender of a message, who must have written it, as a person, here and now.
func (a *access) mayWrite(m *message) bool {
	return m.SenderChat == nil && m.ViaBot == nil && m.ForwardOrigin == nil && a.may(m.From, m.Chat)
}
