package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestParseAccess(t *testing.T) {
	const group = -1001234567890
	users := func(ids ...int64) accessEntries { return accessEntries{users: ids} }
	for name, tt := range map[string]struct {
		text string
		want accessEntries
	}{
		"users":               {"1\n2\n", users(1, 2)},
		"a group first":       {"-1001234567890\n7", accessEntries{group: group, users: []int64{7}}},
		"a topic":             {"-1001234567890/42\n7", accessEntries{group: group, topic: 42, users: []int64{7}}},
		"blanks and a topic":  {" -5 / 42 # alerts", accessEntries{group: -5, topic: 42}},
		"the General topic":   {"-5/1", accessEntries{group: -5}},
		"empty":               {"", accessEntries{}},
		"comments and blanks": {"# all\n\n \t5 # Ann # Bob\n#6\n   \n", users(5)},
		"a Latin-1 comment":   {"5 # J\xfcrgen", users(5)},
		"CR LF":               {"-5\r\n6\r\n", accessEntries{group: -5, users: []int64{6}}},
		"CR":                  {"-5\r6\r", accessEntries{group: -5, users: []int64{6}}},
		"a user twice":        {"5\n5\n", users(5)},
		"more than 32 bits":   {"6000000000", users(6000000000)},
		"a group's digits":    {"1001234567890", users(1001234567890)},

		"a minus sign":          {"\u22121001234567890", accessEntries{group: group}},
		"a hyphen":              {"\u20105", accessEntries{group: -5}},
		"a non-breaking hyphen": {"\u20115", accessEntries{group: -5}},
		"a figure dash":         {"\u20125", accessEntries{group: -5}},
		"an en dash":            {"\u20135", accessEntries{group: -5}},
		"an em dash":            {"\u20145", accessEntries{group: -5}},
		"a small em dash":       {"\ufe585", accessEntries{group: -5}},
		"a small hyphen":        {"\ufe635", accessEntries{group: -5}},
		"a fullwidth line":      {"\uff0d１２３／４５\u3000＃ 清华", accessEntries{group: -123, topic: 45}},
		"zero-width characters": {"4\u200b2\u200c4\u200d2\u2060", users(4242)},
		"byte order marks":      {"\ufeff5\n\ufeff6\ufeff", users(5, 6)},
		"direction marks":       {"\u200e\u202a424242424\u202c\n\u20687\u2069", users(424242424, 7)},
		"no-break spaces":       {"\u00a05\u00a0#\u00a0Ann\n\u202f6\u2007", users(5, 6)},
		"only invisible":        {"\u200b\u00a0\n5", users(5)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseAccess("a", tt.text); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAccessMistakes(t *testing.T) {
	const wantID = ": want one chat ID, such as 424242424, and anything else after a #"
	const wantNumber = ": want a number: let the person send /reset to the bot"
	for name, tt := range map[string]struct {
		text string
		errs []string // one for each mistake
	}{
		"zero":                  {"1\n0\n", []string{`a:2: "0"` + wantID}},
		"a name":                {"Ann", []string{`a:1: "Ann"` + wantID}},
		"an ID with a name":     {"424242424 Ann", []string{`a:1: "424242424 Ann"` + wantID}},
		"two on a line":         {"1 2", []string{`a:1: "1 2"` + wantID}},
		"a plus":                {"+1", []string{`a:1: "+1"` + wantID}},
		"two minuses":           {"\u2212-1", []string{`a:1: "--1"` + wantID}},
		"a soft hyphen":         {"\u00ad5", []string{`a:1: "\u00ad5"` + wantID}},
		"a leading zero":        {"007", []string{`a:1: "007"` + wantID}},
		"other digits":          {"٤٢", []string{`a:1: "٤٢"` + wantID}},
		"too large":             {"9223372036854775808", []string{`a:1: "9223372036854775808"` + wantID}},
		"a username":            {"@ann", []string{`a:1: "@ann"` + wantNumber}},
		"a link":                {"https://T.me/ann", []string{`a:1: "https://T.me/ann"` + wantNumber}},
		"a link to a message":   {"t.me/c/1234567890/42", []string{`a:1: "t.me/c/1234567890/42"` + wantNumber}},
		"a link to the app":     {"tg://user?id=7", []string{`a:1: "tg://user?id=7"` + wantNumber}},
		"a link to the web":     {"web.telegram.org/k/#-5", []string{`a:1: "web.telegram.org/k/"` + wantNumber}},
		"a group after a user":  {"1\n-2", []string{`a:2: "-2": a group after a user: want the group on the first line`}},
		"a second group":        {"-1\n-2", []string{`a:2: "-2": a second group after -1: want one group`}},
		"a group twice":         {"-1\n-1", []string{`a:2: "-1": a second group after -1`}},
		"a topic of a user":     {"424242424/42", []string{`a:1: "424242424/42": want a user's ID without a topic`}},
		"an empty topic":        {"-5/", []string{`a:1: "-5/": want the number of a topic after the slash, such as -5/42`}},
		"topic zero":            {"-5/0", []string{`a:1: "-5/0": want the number of a topic`}},
		"a negative topic":      {"-5/-1", []string{`a:1: "-5/-1": want the number of a topic`}},
		"two topics":            {"-5/1/2", []string{`a:1: "-5/1/2": want the number of a topic`}},
		"two mistakes":          {"x\n1\ny\n", []string{`a:1: "x"`, `a:3: "y"`}},
		"a name, then a group":  {"@us\n-1", []string{`a:1: "@us"`}},
		"no topic, then a user": {"-5/x\n7", []string{`a:1: "-5/x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseAccess("a", tt.text)
			if err == nil || !reflect.DeepEqual(got, accessEntries{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if mistakes := strings.Count(err.Error(), "\n") + 1; mistakes != len(tt.errs) {
				t.Errorf("got %d mistakes, want %d", mistakes, len(tt.errs))
			}
			wants(t, err.Error(), tt.errs...)
		})
	}

	_, err := parseAccess("a", strings.Repeat("x\n", 1000))
	wants(t, fmt.Sprint(err), "a:1:", "a:10:", "a: and 990 more")
}

func FuzzAccess(f *testing.F) {
	f.Add("-100/42\n7 # Ann\r\n\t\n")
	f.Add("\u22121001234567890\n\u200e７\n@ann\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAccess("a", text)
		if err != nil {
			if !reflect.DeepEqual(got, accessEntries{}) {
				t.Errorf("got %+v with %v", got, err)
			}
			return
		}

		noTopic := got.topic == 0 || got.group != 0 && got.topic > 1
		if got.group > 0 || !noTopic {
			t.Errorf("got group %d, topic %d", got.group, got.topic)
		}
		seen := make(map[int64]bool)
		for _, id := range got.users {
			if id <= 0 || seen[id] {
				t.Errorf("got users %d", got.users)
			}
			seen[id] = true
		}

		// Written out, the entries must be read as the same.
		var lines []string
		if got.group != 0 {
			lines = append(lines, strconv.FormatInt(got.group, 10))
		}
		if got.topic != 0 {
			lines[0] += "/" + strconv.FormatInt(got.topic, 10)
		}
		for _, id := range got.users {
			lines = append(lines, strconv.FormatInt(id, 10))
		}
		if again, err := parseAccess("a", strings.Join(lines, "\n")); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%+v is read as %+v, %v", got, again, err)
		}
	})
}

func TestCanReset(t *testing.T) {
	list := newAccessList(-100, 7)
	for name, tt := range map[string]struct {
		list       *accessList
		user, chat int64
		want       bool
	}{
		"a user in private":             {list, 7, 7, true},
		"a user in the group":           {list, 7, -100, true},
		"a user in another group":       {list, 7, -200, true},
		"a member in the group":         {list, 8, -100, true},
		"a member in private":           {list, 8, 8, false},
		"a member in another group":     {list, 8, -200, false},
		"a stranger in a user's chat":   {list, 8, 7, false},
		"nobody in the group":           {list, 0, -100, false},
		"a channel in the group":        {list, -100, -100, false},
		"a user without a group":        {newAccessList(0, 7), 7, -100, true},
		"a stranger without a group":    {newAccessList(0, 7), 8, -100, false},
		"chat 0 without a group":        {newAccessList(0, 7), 8, 0, false},
		"a member without users":        {newAccessList(-100), 8, -100, true},
		"a stranger to an empty list":   {newAccessList(0), 8, 8, false},
		"user 0, listed":                {newAccessList(0, 0), 0, 0, false},
		"a chat named as a user is not": {newAccessList(0, 7), 8, 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.list.canReset(tt.user, tt.chat); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestReload(t *testing.T) {
	path := write(t, "accesslist.conf", "-5/42\n7\n")
	a, err := loadAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	a.needGroup = true

	for _, tt := range []struct {
		name  string
		text  string
		err   string
		chats []int64
		topic int64
	}{
		{"a user more", "-5/43\n7\n8\n", "", []int64{7, 8, -5}, 43},
		{"a mistake", "-6\noops\n", `accesslist.conf:2: "oops"`, []int64{7, 8, -5}, 43},
		{"no group for alerts", "9\n", "-notify group", []int64{7, 8, -5}, 43},
		{"another group", "-6\n", "", []int64{-6}, 0},
	} {
		rewrite(t, path, tt.text)
		err := a.reload()
		_, topic := a.group()
		if (err != nil) != (tt.err != "") || !slices.Equal(a.chats(), tt.chats) || topic != tt.topic {
			t.Errorf("%s: got %v, topic %d, %v", tt.name, a.chats(), topic, err)
		}
		wants(t, fmt.Sprint(err), tt.err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := a.reload(); err == nil || !slices.Equal(a.chats(), []int64{-6}) {
		t.Errorf("without the file: got %v, %v", a.chats(), err)
	}
	if err := newAccessList(0, 7).reload(); err != nil {
		t.Errorf("a list without a file: %v", err)
	}
}

// rewrite replaces the text of a file.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate(t *testing.T) {
	path := write(t, "accesslist.conf", "-6/42\n7\n")
	a, err := loadAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, group, topic int64) {
		t.Helper()
		if id, top := a.group(); id != group || top != topic {
			t.Errorf("%s: got group %d, topic %d", name, id, top)
		}
	}
	reload := func(text string) {
		t.Helper()
		rewrite(t, path, text)
		if err := a.reload(); err != nil {
			t.Error(err)
		}
	}

	for name, ids := range map[string][2]int64{
		"another group": {-7, -1007},
		"no group":      {0, -1006},
		"a user":        {7, -1006},
		"to a user":     {-6, 7},
		"to itself":     {-6, -6},
	} {
		a.migrate(ids[0], ids[1])
		check(name, -6, 42)
	}

	a.migrate(-6, -1006)
	a.migrate(-6, -1006) // told again
	check("migrated", -1006, 42)
	if a.canReset(1, -6) || !a.canReset(1, -1006) {
		t.Error("the members of the group cannot reset in its new chat, or in the old one")
	}

	reload("-6/42\n7\n")
	check("the old ID again", -1006, 42)
	reload("-1006\n7\n")
	check("the new ID", -1006, 0)
	a.migrate(-1006, -1016)
	reload("-6\n")
	check("the oldest ID", -1016, 0)
	reload("-8\n")
	check("another group", -8, 0)
	reload("7\n")
	check("no group", 0, 0)
	reload("-1016\n")
	a.migrate(-1016, -6)
	reload("-1006\n")
	check("a circle of IDs", -6, 0)
}

func TestAccessFile(t *testing.T) {
	for name, text := range map[string]string{
		"UTF-8 with a mark":     "\ufeff-5\r\n7\r\n",
		"UTF-16, little endian": utf16Text("\u22125\r\n7\r\n", binary.LittleEndian),
		"UTF-16, big endian":    utf16Text("-5\n7\n", binary.BigEndian),
	} {
		a, err := loadAccess(write(t, "accesslist.conf", text))
		if err != nil || !slices.Equal(a.chats(), []int64{7, -5}) {
			t.Errorf("%s: got %v, %v", name, a.chats(), err)
		}
	}

	a, err := loadAccess("/nowhere/accesslist.conf")
	wants(t, fmt.Sprint(err), "/nowhere/accesslist.conf: no such file: want one chat ID on each line", "-1001234567890")
	if a == nil || len(a.chats()) != 0 {
		t.Error("no empty list came with the error")
	}
}

func TestAccessCopies(t *testing.T) {
	a := newAccessList(-5, 7, 8)
	a.users()[0] = 9
	a.chats()[0] = 9
	if !slices.Equal(a.users(), []int64{7, 8}) || !slices.Equal(a.chats(), []int64{7, 8, -5}) {
		t.Errorf("a caller changed the list to %v", a.chats())
	}
}

func TestAccessLog(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "access", newAccessList(-5, 7, 8))
	wants(t, b.String(), "access.group=-5 access.topic=0 access.users=2")
}
