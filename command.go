package main

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// A command is one that was sent to this bot.
type command struct {
	name string // in lower case, with its slash
	args string
}

// parseCommand returns the command of a message, if it is one, and one to the
// bot whose name is me.
func parseCommand(m *message, me string) (command, bool) {
	if !strings.HasPrefix(m.Text, "/") {
		return command{}, false
	}
	word := strings.Fields(m.Text)[0]
	if len(m.Entities) > 0 { // as Telegram sees it; what follows the command need not be a blank
		units := utf16.Encode([]rune(m.Text))
		i := slices.IndexFunc(m.Entities, func(e entity) bool {
			return e.Type == "bot_command" && e.Offset == 0 && e.Length >= 1 && e.Length <= len(units)
		})
		if i < 0 {
			return command{}, false
		}
		word = string(utf16.Decode(units[:m.Entities[i].Length]))
	}
	name, to, addressed := strings.Cut(word, "@")
	if addressed && !strings.EqualFold(to, me) {
		return command{}, false
	}
	return command{strings.ToLower(name), strings.TrimSpace(strings.TrimPrefix(m.Text, word))}, true
}
