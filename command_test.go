package main

import (
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	sent := func(text string, length int) message {
		return message{Text: text, Entities: []entity{{Type: "bot_command", Length: length}}}
	}
	code := []entity{{Type: "code", Length: 8}}
	later := []entity{{Type: "bot_command", Offset: 4, Length: 8}}
	bold := []entity{{Type: "bold", Length: 8}, {Type: "bot_command", Length: 8}}
	for name, tt := range map[string]struct {
		m    message
		want command
		ok   bool
	}{
		"plain":             {sent("/current", 8), command{"/current", ""}, true},
		"in capitals":       {sent("/CurRent", 8), command{"/current", ""}, true},
		"to us":             {sent("/current@ISC_Bot", 16), command{"/current", ""}, true},
		"to another":        {sent("/current@other_bot", 18), command{}, false},
		"to nobody":         {sent("/current@", 9), command{}, false},
		"with arguments":    {sent("/reset  101 \n", 6), command{"/reset", "101"}, true},
		"with a line":       {sent("/reset\n101", 6), command{"/reset", "101"}, true},
		"comma after it":    {sent("/current, please", 8), command{"/current", ", please"}, true},
		"talk":              {message{Text: "101"}, command{}, false},
		"nothing":           {message{}, command{}, false},
		"later in the text": {message{Text: "try /current", Entities: later}, command{}, false},
		"bold":              {message{Text: "/current", Entities: bold}, command{"/current", ""}, true},
		"in code":           {message{Text: "/current", Entities: code}, command{}, false},
		"without entities":  {message{Text: "/current"}, command{"/current", ""}, true},
		"length too great":  {sent("/current", 99), command{}, false},
		"length below zero": {sent("/current", -1), command{}, false},
		"emoji after it":    {sent("/current\U0001F600", 8), command{"/current", "\U0001F600"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := parseCommand(&tt.m, "isc_bot"); got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func FuzzCommand(f *testing.F) {
	f.Add("/reset@isc_bot 101", "bot_command", 0, 14)
	f.Add("/\U0001F600", "bot_command", 0, 2)
	f.Fuzz(func(t *testing.T, text, kind string, offset, length int) {
		for _, entities := range [][]entity{nil, {{kind, offset, length}}} {
			c, ok := parseCommand(&message{Text: text, Entities: entities}, "isc_bot")
			if ok && !strings.HasPrefix(c.name, "/") || !ok && c != (command{}) {
				t.Errorf("got %q, %v", c, ok)
			}
		}
	})
}
